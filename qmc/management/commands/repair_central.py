"""New certificates for a central node without valid certificates: they were revoked, they expired, or its store is damaged."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from audit.actors import SYSTEM
from nodes.central.repair import RepairRefused, central_repair
from nodes.errors import NodesError
from pki.core.clocks import stamp
from pki.core.errors import PKIError
from qmc.management.site import SiteCommand
from sealing.errors import TrustZoneError


class Command(SiteCommand):
    needs_store = False
    help = (
        "Makes new certificates for a central node without valid certificates. The database key and all other nodes stay unchanged. "
        "Run it on the central node. The site can be running or stopped. Needs the root passphrase."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--data-dir")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            repaired = central_repair(actor=SYSTEM, now=timezone.now())
        except (RepairRefused, TrustZoneError, NodesError, PKIError, OSError) as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write(repaired.blocked_reason or "An earlier run was interrupted. It is completed now.")
        self.stdout.write(f"The central node has new certificates, valid until {stamp(repaired.not_after)}. No other node was changed.")
