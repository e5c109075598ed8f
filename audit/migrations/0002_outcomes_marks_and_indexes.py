"""Outcomes and request ids of events, their indexes, and the mark of the worker.

Django would copy the table of events four times on SQLite, which takes minutes with a million events. Both engines add a column with a
default, and drop an index, without reading the table.
"""

from django.db import migrations, models

ADD_COLUMNS = [
    "ALTER TABLE audit_event ADD COLUMN outcome varchar(10) DEFAULT 'done' NOT NULL",
    "ALTER TABLE audit_event ADD COLUMN request_id varchar(40) DEFAULT '' NOT NULL",
]
# The third one exists on PostgreSQL only.
DROP_INDEXES = [
    "DROP INDEX IF EXISTS audit_event_action_71fc5cf8",
    "DROP INDEX IF EXISTS audit_event_target_id_f66adba5",
    "DROP INDEX IF EXISTS audit_event_action_71fc5cf8_like",
]


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Mark",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sequence", models.PositiveBigIntegerField(default=0)),
                ("digest", models.CharField(default="", max_length=64)),
                ("at", models.DateTimeField()),
                ("problem", models.CharField(blank=True, max_length=500)),
            ],
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL([*ADD_COLUMNS, *DROP_INDEXES])],
            state_operations=[
                migrations.AddField(
                    model_name="event",
                    name="outcome",
                    field=models.CharField(
                        choices=[("done", "Done"), ("refused", "Refused"), ("failed", "Failed")],
                        db_default="done",
                        default="done",
                        max_length=10,
                    ),
                ),
                migrations.AddField(
                    model_name="event", name="request_id", field=models.CharField(blank=True, db_default="", default="", max_length=40)
                ),
                migrations.AlterField(model_name="event", name="action", field=models.CharField(max_length=80)),
                migrations.AlterField(model_name="event", name="target_id", field=models.UUIDField()),
            ],
        ),
        migrations.AddIndex(model_name="event", index=models.Index(fields=["actor", "sequence"], name="events_of_actor")),
        migrations.AddIndex(model_name="event", index=models.Index(fields=["action", "sequence"], name="events_of_action")),
        migrations.AddIndex(model_name="event", index=models.Index(fields=["target_id", "sequence"], name="events_of_target")),
        migrations.AddIndex(model_name="event", index=models.Index(fields=["target_label", "sequence"], name="events_of_label")),
    ]
