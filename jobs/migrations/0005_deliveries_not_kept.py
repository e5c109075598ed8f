"""Finished deliveries of alerts and of the audit log are no longer kept as jobs. Their own tables have them."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

NAMES = ("alerts.deliver", "alerts.state_changes", "audit.syslog")


def delete(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    jobs = apps.get_model("jobs", "Job").objects.using(schema_editor.connection.alias)
    jobs.filter(task__in=NAMES).exclude(outcome="").delete()


class Migration(migrations.Migration):
    dependencies = [("jobs", "0004_steps_and_shares")]
    operations = [migrations.RunPython(delete, migrations.RunPython.noop)]
