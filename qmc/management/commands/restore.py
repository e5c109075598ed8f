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
    help = (
        "Restores the site of a backup into an empty database and data directory, and reports what it found. Then start the site with `up`."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--host-name", help="new name of the central node, with new certificates")
        parser.add_argument(
            "--node-api-address",
            action="append",
            default=[],
            metavar="ADDRESS:PORT",
            help="an address that nodes call from now on. Can be repeated",
        )
        parser.add_argument("--data-dir")
        add_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            secret = passphrase(options["passphrase_file"], twice=False)
            report = restore(
                file=options["file"],
                passphrase=secret,
                host_name=options["host_name"],
                node_api_addresses=options["node_api_address"],
                now=timezone.now(),
            )
        except (BackupError, TrustZoneError, PKIError, OSError) as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write("\n".join(report.lines()))
        if report.problems:
            raise CommandError("The site is restored, but these problems were found:\n" + "\n".join(report.problems))
