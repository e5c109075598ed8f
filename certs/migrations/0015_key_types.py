"""The types of new keys, in the site's data."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("certs", "0014_board_counts")]

    operations = [
        migrations.AddField(
            model_name="trustzone",
            name="key_types",
            field=models.JSONField(default=dict, help_text="kind of certificate → type of its new keys, where it is not the default"),
        ),
    ]
