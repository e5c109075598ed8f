"""A new root after a disaster: the root has expired, or somebody else knows its key."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from audit.actors import SYSTEM
from backups.archive import BackupError
from nodes.errors import NodesError
from pki.core.errors import PKIError
from qmc.management.site import SiteCommand
from qmc.recreation.services import RecreationRefused, recreation_named, root_recreate
from qmc.recreation.view_models import recreation_lines, recreation_page
from sealing.errors import TrustZoneError


class Command(SiteCommand):
    help = (
        "Writes a backup and makes a new root. Every node then needs a new password. The command first shows what is affected, and asks for the "
        "name of the trust zone. Needs the root passphrase."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--backup-dir", type=Path, required=True, help="folder of the backup that is written first")
        parser.add_argument(
            "--passphrase-file", type=Path, help="passphrase of the backup. Default: a new one, in a file beside the root passphrase"
        )
        parser.add_argument(
            "--trust-zone", metavar="NAME", help="the name of the trust zone, for scripts. Default: the command asks for it"
        )
        parser.add_argument("--data-dir")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.stdout.write("\n".join(recreation_lines(now=timezone.now())))
            name = options["trust_zone"] or self._typed()
            recreation_named(name)
            copy = root_recreate(
                trust_zone=name, folder=options["backup_dir"], passphrase_file=options["passphrase_file"], actor=SYSTEM, now=timezone.now()
            )
        except (RecreationRefused, BackupError, TrustZoneError, NodesError, PKIError, OSError) as exc:
            raise CommandError(str(exc)) from exc
        if copy is None:
            self.stdout.write("An earlier run was interrupted. It is completed now.")
        else:
            self.stdout.write(f"Backup: {copy.file}, proved by a trial restore. Its passphrase: {copy.passphrase_file}")
        page = recreation_page(actor=SYSTEM, now=timezone.now())
        if page.recreated:
            self.stdout.write(f"{page.recreated.root} is the root now, and the central node has new certificates.")
        for node in page.nodes:
            self.stdout.write(f"To be redistributed: {node.name} ({node.host_name})")
        self.stdout.write("If somebody else knew the private key of the old root, they know more secrets. Replace each of these:")
        for secret in page.secrets:
            if not secret.replaced:
                self.stdout.write(f"  {secret.name}: {secret.remedy}")

    def _typed(self) -> str:
        self.stdout.write("Type the name of the trust zone to continue: ", ending="")
        self.stdout.flush()
        try:
            return input()
        except EOFError:
            return ""
