"""Jobs hold the name of their handler. They held the place of a function, which would have to stay where it was."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

NAMES = {
    "certs.services.central_key.resealing_advance": "central-key-resealing",
    "certs.services.export_work.export_advance": "export",
    "certs.services.revocation.list_advance": "revocation-list",
    "nodes.services.key_rotation.key_rotation_advance": "database-key-rotation",
    "nodes.services.registration.registration_advance": "registration",
    "nodes.services.renewal.renewal_advance": "renewal",
    "nodes.services.root_rotation.root_rotation_advance": "root-rotation",
    "qmc.services.recreate.recreation_advance": "root-recreation",
}


def rename(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    jobs = apps.get_model("jobs", "Job").objects.using(schema_editor.connection.alias)
    for before, name in NAMES.items():
        jobs.filter(task=before).update(task=name)


class Migration(migrations.Migration):
    dependencies = [("jobs", "0001_initial")]
    operations = [migrations.RunPython(rename, migrations.RunPython.noop)]
