"""A backup into an empty database and data directory."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from backups.archive import BackupError
from backups.passphrase import add_argument, passphrase
from backups.restore import restore
from pki.core.errors import PKIError
from sealing.errors import TrustZoneError


class Command(BaseCommand):
    help = "Puts the site of a backup into an empty database and data directory, and says what it found. Start it with `up` afterwards."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--host-name", help="the central node's name from now on, with new certificates")
        parser.add_argument(
            "--node-api-address", action="append", default=[], metavar="ADDRESS:PORT", help="nodes call this from now on; may be repeated"
        )
        parser.add_argument("--data-dir")
        add_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            word = passphrase(options["passphrase_file"], twice=False)
            report = restore(
                file=options["file"], passphrase=word, host_name=options["host_name"], told=options["node_api_address"], now=timezone.now()
            )
        except (BackupError, TrustZoneError, PKIError, OSError) as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write("\n".join(report.lines()))
        if report.problems:
            raise CommandError("Restored, but this does not hold:\n" + "\n".join(report.problems))
