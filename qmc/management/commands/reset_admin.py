"""A new password for an administrator, or a new administrator."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from audit.actors import SYSTEM
from certs.zone.services import zone_current
from people.administrators import administrator_reset
from qmc.management.site import SiteCommand
from sealing.errors import TrustZoneError


class Command(SiteCommand):
    help = "Gives an administrator a new password, or makes the account. Its sessions end. The password is in a file and is never printed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="?", help="the user name; may be left out where there is one administrator")
        parser.add_argument(
            "--password-file", type=Path, help="has the new password; without it a random one is made, in a file of mode 0600"
        )
        parser.add_argument("--data-dir")

    def handle(self, *args: Any, **options: Any) -> None:
        file = options["password_file"]
        try:
            name, written, is_new, tokens = administrator_reset(
                name=options["name"], password_file=file, zone=zone_current(), actor=SYSTEM, now=timezone.now()
            )
        except (TrustZoneError, OSError) as exc:
            raise CommandError(str(exc)) from exc
        what = "There was no such account: it is a new administrator" if is_new else f"Every session of {name} has ended"
        self.stdout.write(f"user {name}, password in {written}. {what}.")
        if tokens:
            self.stdout.write(f"{tokens} API token{'s' * (tokens > 1)} of {name} still work: a lost password is no reason to end them.")
