"""The whole site in one encrypted file."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from audit.actors import SYSTEM
from backups.archive import BackupError
from backups.backup import backup_make, backup_verify
from backups.passphrase import add_argument, passphrase
from pki.core.errors import PKIError
from qmc.management.site import SiteCommand
from sealing.errors import TrustZoneError


class Command(SiteCommand):
    help = "Writes a backup to FILE: database, root keys, database keys, node store and secret key, encrypted with a passphrase. Needs the root passphrase."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--verify", action="store_true", help="prove with a trial restore that keys, certificates and fields can be read"
        )
        parser.add_argument("--data-dir")
        add_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        file, now = options["file"].absolute(), timezone.now()
        try:
            secret = passphrase(options["passphrase_file"], twice=True)
            made = backup_make(file=file, passphrase=secret, actor=SYSTEM, now=now)
            self.stdout.write(f"{file} is written; it contains {made.contains}")
            if options["verify"]:
                self.stdout.write(backup_verify(file=file, passphrase=secret, actor=SYSTEM, now=now), ending="")
                self.stdout.write("verified: a trial restore read every key, certificate and encrypted value")
        except (BackupError, TrustZoneError, PKIError, OSError) as exc:
            raise CommandError(str(exc)) from exc
