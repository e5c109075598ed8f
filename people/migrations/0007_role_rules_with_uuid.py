"""Rules of roles get a UUID, because events of the audit log name their target by one. No version had a page to write one before."""

import django.db.models.deletion
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('people', '0006_provider'),
    ]

    operations = [
        migrations.DeleteModel(name='RoleRule'),
        migrations.CreateModel(
            name='RoleRule',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('second_factor', models.BooleanField(default=False, help_text='people with this role sign in with a second factor')),
                ('role', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, to='auth.group')),
            ],
        ),
    ]
