"""The limits of the calls of nodes, in the site's data."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("certs", "0016_certificates_made")]

    operations = [
        migrations.AddField(
            model_name="trustzone",
            name="heartbeat_s",
            field=models.PositiveSmallIntegerField(blank=True, help_text="the fewest seconds between the calls of a node; empty: the default", null=True),
        ),
        migrations.AddField(
            model_name="trustzone",
            name="heartbeat_max_s",
            field=models.PositiveSmallIntegerField(blank=True, help_text="the most seconds between the calls of a node; empty: the default", null=True),
        ),
    ]
