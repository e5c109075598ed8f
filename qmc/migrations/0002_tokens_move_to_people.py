"""Tokens belong to the app `people`. Their table stays what it is."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("qmc", "0001_initial"), ("people", "0001_tokens_move_here")]
    operations = [migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel("ApiToken")])]
