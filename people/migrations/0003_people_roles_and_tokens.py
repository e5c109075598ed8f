"""Every account gets a row of its own with a UUID. Tokens get scopes and an owner's limits. The roles themselves are written after `migrate`."""

import django.db.models.deletion
import people.tokens.models
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


def sessions_end(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """From now on, the sessions of each account are recorded, so that they can be ended. Nobody recorded the earlier ones."""
    apps.get_model("sessions", "Session").objects.using(schema_editor.connection.alias).all().delete()


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('people', '0002_help_texts'),
        ('sessions', '0001_initial'),
        ('usersessions', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Guesses',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(help_text='SHA-256 of what is counted', max_length=64, unique=True)),
                ('count', models.PositiveIntegerField()),
                ('began_at', models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.AddField(
            model_name='apitoken',
            name='addresses',
            field=models.JSONField(blank=True, default=list, help_text='networks that may use it; empty: all'),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='created_with',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='created_tokens', to='people.apitoken'),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='last_used_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='last_used_from',
            field=models.GenericIPAddressField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='revoked_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='role',
            field=models.CharField(blank=True, default='', help_text='empty: all roles of its owner', max_length=20),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='scopes',
            field=models.JSONField(default=people.tokens.models.scopes_at_first),
        ),
        migrations.CreateModel(
            name='Person',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('is_service', models.BooleanField(default=False, help_text='a service account cannot sign in: it has tokens only')),
                ('link_digest', models.CharField(blank=True, db_index=True, default='', help_text='SHA-256 of the one-time link', max_length=64)),
                ('password_is_written', models.BooleanField(default=False, help_text='the console wrote its password into a file; it is changed at the first sign-in')),
                ('link_expires_at', models.DateTimeField(blank=True, null=True)),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.AddField(
            model_name='apitoken',
            name='created_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='tokens_created', to='people.person'),
        ),
        migrations.CreateModel(
            name='KnownBrowser',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(help_text='SHA-256 of the random number in its cookie', max_length=64)),
                ('used_at', models.DateTimeField()),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user', 'digest'), name='people_knownbrowser_once')],
            },
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
        migrations.RunPython(sessions_end, migrations.RunPython.noop),
    ]
