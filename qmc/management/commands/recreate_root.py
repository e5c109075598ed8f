"""A new root after a disaster: the root has expired, or its key is known to others."""

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
from qmc.recreation.view_models import recreation_lines, recreation_story
from sealing.errors import TrustZoneError


class Command(SiteCommand):
    help = (
        "Backs the site up, makes a new root, and lets every node wait for a password. Says what it touches, and asks for the trust zone's "
        "name first. Needs the root passphrase."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--backup-dir", type=Path, required=True, help="where the backup is written first")
        parser.add_argument("--passphrase-file", type=Path, help="of the backup; made, beside the root passphrase, where it is not given")
        parser.add_argument("--trust-zone", metavar="NAME", help="the trust zone's name, for scripts; without it, it is asked for")
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
            self.stdout.write("An earlier run that was cut off is completed.")
        else:
            self.stdout.write(f"Backup: {copy.file}, proved by a trial restore; its passphrase: {copy.passphrase_file}")
        told = recreation_story(actor=SYSTEM, now=timezone.now())
        self.stdout.write(f"{told['recreated'].detail['root']} is in force, and the central node has its new certificates.")
        for node in told["nodes"]:
            self.stdout.write(f"To be redistributed: {node.name} ({node.host_name})")
        self.stdout.write("If the old root's private key was known to others, so is more. Replace each of these:")
        for secret in told["secrets"]:
            if not secret.replaced:
                self.stdout.write(f"  {secret.name}: {secret.remedy}")

    def _typed(self) -> str:
        self.stdout.write("Type the trust zone's name to go on: ", ending="")
        self.stdout.flush()
        try:
            return input()
        except EOFError:
            return ""
