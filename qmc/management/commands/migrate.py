"""Django's own `migrate`, after a copy of the database of a site that is in use."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import connections
from django.utils import timezone

from storage.data_directory import data_directory_prepare
from storage.database import DatabaseRefused
from storage.upgrade import upgrade_prepare

COPIED = "Copied:   "


class Command(migrate.Command):
    """The only way to migrations. `init`, `up` and `restore` use it too."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--backed-up", action="store_true", help="PostgreSQL: confirm that you have a current dump or backup of the site"
        )
        parser.add_argument("--data-dir")

    def execute(self, *args: Any, **options: Any) -> str | None:
        # Before the checks of Django, which cannot say what is wrong with the database.
        if not (options["plan"] or options["check_unapplied"]):
            try:
                copy = upgrade_prepare(
                    connections[options["database"]], backed_up=options["backed_up"], chosen=bool(options["app_label"]), now=timezone.now()
                )
            except DatabaseRefused as exc:
                raise CommandError(str(exc)) from exc
            if copy:
                self.stdout.write(f"{COPIED}the database to {copy}, before its upgrade")
            data_directory_prepare()
        return super().execute(*args, **options)
