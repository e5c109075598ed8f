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
    """The one door to migrations: `init`, `up` and `restore` come through here too."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--backed-up", action="store_true", help="PostgreSQL: there is a dump or a backup of the site as it is now")
        parser.add_argument("--data-dir")

    def execute(self, *args: Any, **options: Any) -> str | None:
        # Before Django's own checks of the database, which could not say what is wrong with it.
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
