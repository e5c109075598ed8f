"""Every account gets a row of its own with a UUID, so that the audit log can name it. The roles themselves are written after `migrate`."""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def people_make(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    alias = schema_editor.connection.alias
    users = apps.get_model("auth", "User").objects.using(alias)
    people = apps.get_model("people", "Person").objects.using(alias)
    people.bulk_create([people.model(user_id=pk) for pk in users.values_list("pk", flat=True)], batch_size=500)


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('people', '0002_help_texts'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Person',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('is_service', models.BooleanField(default=False, help_text='a service account cannot sign in: it has tokens only')),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='RoleGrant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('permission', models.CharField(help_text='as Django writes it: app.codename', max_length=150)),
                ('role', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.group')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('role', 'permission'), name='people_rolegrant_once')],
            },
        ),
        migrations.RunPython(people_make, migrations.RunPython.noop),
    ]
