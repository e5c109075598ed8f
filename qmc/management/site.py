"""Commands that work on a founded site."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from storage.database import DatabaseRefused, database_require


class SiteCommand(BaseCommand):
    """Does nothing at all on a database that it could not work on, and says why."""

    needs_store = True

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            database_require(store=self.needs_store)
        except DatabaseRefused as exc:
            raise CommandError(str(exc)) from exc
        return super().execute(*args, **options)
