"""Make the trust zone and the first administrator. Safe to repeat."""

import socket
from argparse import SUPPRESS
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone

from agent.files import InUse
from audit.actors import SYSTEM
from audit.checkpoints.services import CheckpointRefused, checkpoint_sign
from certs.zone.services import zone_current
from nodes.addresses.services import addresses_settle
from nodes.central.founding import zone_found
from nodes.central.services import central_names_ensure
from people.accounts.administrators import FIRST, RESET, administrator_make, administrators, sign_in_words
from pki.core.addresses import central_address
from pki.core.commands import QMC
from pki.core.errors import InvalidName, PKIError
from pki.core.names import LONGEST_CENTRAL_NAME, host_name
from sealing.errors import TrustZoneError
from storage.care import database_check_done
from storage.data_directory import root_passphrase_make
from storage.database import database_fit
from storage.database_file import database_file, log_mark

WARNING, SIGN_IN = "Warning: ", "Sign in:  "


def default_host_name() -> str:
    """The name of this machine, if a certificate can contain it."""
    try:
        return host_name(socket.gethostname().lower(), limit=LONGEST_CENTRAL_NAME)
    except InvalidName:
        return "central.internal"


class Command(BaseCommand):
    help = "Migrates the database, and makes the trust zone and the first administrator. Safe to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--data-dir")
        parser.add_argument("--host-name", default=default_host_name())
        parser.add_argument(
            "--node-api-address", action="append", default=[], metavar="ADDRESS:PORT", help="an address that nodes call. Can be repeated"
        )
        parser.add_argument("--listening", help=SUPPRESS)  # of `up`: where its node API listens
        parser.add_argument("--admin", metavar="NAME", help="user name of the first administrator. Default: admin")
        parser.add_argument("--admin-password-file", type=Path)
        parser.add_argument(
            "--backed-up", action="store_true", help="PostgreSQL: confirm that you have a current dump or backup of the site"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", verbosity=0, backed_up=options["backed_up"], stdout=self.stdout)
        root_passphrase_make(has_zone=database_fit().has_zone)
        if (file := database_file(connection)) is not None:
            with connection.wrap_database_errors:  # it may be locked
                log_mark(file)
            database_check_done(now=timezone.now())
        node_api_addresses, now = options["node_api_address"], timezone.now()
        try:
            listening = central_address(options["listening"]) if options["listening"] else None
            zone = zone_found(host_name=options["host_name"], node_api_addresses=node_api_addresses, listening=listening, now=now)
            warnings = addresses_settle(chosen=node_api_addresses, listening=listening, now=now)
            central_names_ensure(for_whom=SYSTEM.label, now=now)
        except (TrustZoneError, PKIError) as exc:
            raise CommandError(str(exc)) from exc
        warnings += [*self._administrator(options), *_unsigned()]
        self.stdout.write(f"trust zone of {zone.name} is ready")
        for warning in warnings:
            self.stdout.write(f"{WARNING}{warning}")
        self.stdout.write(f"{SIGN_IN}{sign_in_words()}")

    def _administrator(self, options: dict[str, Any]) -> list[str]:
        """Make the first administrator. Returns warnings about options that changed nothing."""
        name, file = options["admin"], options["admin_password_file"]
        try:
            made = administrator_make(name=name or FIRST, password_file=file, zone=zone_current(), actor=SYSTEM, now=timezone.now())
        except (TrustZoneError, OSError) as exc:
            raise CommandError(f"The first administrator was not made: {exc}") from exc
        if made or not (name or file):
            return []
        there = ", ".join(administrators()) or "none that is active"
        return [f"There is an administrator already ({there}): --admin and --admin-password-file changed nothing. Run {RESET} NAME."]


def _unsigned() -> list[str]:
    """Sign the audit log, for the first time if it never was. Returns why that was not possible. The site starts all the same."""
    try:
        checkpoint_sign(now=timezone.now())
    except InUse:
        return []  # by a worker, which signs
    except CheckpointRefused as exc:
        return [f"The audit log was changed: {exc} Run `{QMC} verify_audit`."]
    except (TrustZoneError, PKIError, OSError) as exc:
        return [f"The audit log could not be signed: {exc}"]
    return []
