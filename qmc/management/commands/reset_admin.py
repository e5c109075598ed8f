"""A new password for an administrator, or a new administrator."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from audit.actors import SYSTEM
from certs.zone.services import zone_current
from people.accounts.administrators import administrator_reset
from qmc.management.site import SiteCommand
from sealing.errors import TrustZoneError
from web.words import counted


class Command(SiteCommand):
    help = "Sets a new password for an administrator, or makes the account. All its sessions are signed out, and its second factors are removed. The password is written into a file and never printed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="?", help="user name. Not needed if there is only one administrator")
        parser.add_argument(
            "--password-file", type=Path, help="file with the new password. Default: a random one, written into a file with mode 0600"
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
        what = "The account did not exist. It is a new administrator" if is_new else f"All sessions of {name} are signed out"
        self.stdout.write(f"user {name}, password in {written}. {what}.")
        if tokens:
            self.stdout.write(f"{counted(tokens, 'API token')} of {name} still work. A new password does not revoke them.")
