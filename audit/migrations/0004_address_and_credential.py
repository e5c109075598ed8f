"""Address and credential of events. Both engines add a column with a default without reading the table (see 0002)."""

from django.db import migrations, models


def column(length):
    return models.CharField(blank=True, db_default="", default="", max_length=length)


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_reasons")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    [
                        "ALTER TABLE audit_event ADD COLUMN address varchar(45) DEFAULT '' NOT NULL",
                        "ALTER TABLE audit_event ADD COLUMN credential varchar(80) DEFAULT '' NOT NULL",
                    ]
                )
            ],
            state_operations=[
                migrations.AddField(model_name="event", name="address", field=column(45)),
                migrations.AddField(model_name="event", name="credential", field=column(80)),
            ],
        ),
    ]
