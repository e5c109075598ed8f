"""Base of commands for an initialized site."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from storage.database import DatabaseRefused, database_require


class SiteCommand(BaseCommand):
    """Refuse a database that the command cannot use, and say why."""

    needs_store = True

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            database_require(store=self.needs_store)
        except DatabaseRefused as exc:
            raise CommandError(str(exc)) from exc
        return super().execute(*args, **options)
