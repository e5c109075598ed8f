"""Accept that the audit log has a gap, after a restore."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone

from agent.files import InUse
from audit.actors import SYSTEM
from audit.checkpoints.look import log_verify
from audit.checkpoints.services import NothingToAccept, audit_gap_accept
from pki.core.errors import PKIError
from qmc.management.site import SiteCommand
from sealing.errors import TrustZoneError

LONGEST = 500


class Command(SiteCommand):
    help = (
        "Accepts that the audit log does not extend its last checkpoint, for example after an older database was restored. It signs this with the reason "
        "into the file of checkpoints, and `verify_audit` shows it for ever. Needs the root passphrase. Run it on the central node."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reason", required=True, help=f"why the log has a gap, for auditors: at most {LONGEST} characters")
        parser.add_argument("--data-dir")

    def handle(self, *args: Any, **options: Any) -> None:
        reason = options["reason"].strip()
        if not 0 < len(reason) <= LONGEST:
            raise CommandError(
                f"The reason has {len(reason)} characters. Give 1 to {LONGEST}: say what happened, for example which backup was restored."
            )
        try:
            row = audit_gap_accept(actor=SYSTEM, reason=reason, now=timezone.now())
            left = log_verify().findings
        except InUse as exc:
            raise CommandError(f"The checkpoints are in use by {exc}. Try again in a minute.") from exc
        except DatabaseError as exc:
            raise CommandError(f"The database refuses changes now: {exc}. Nothing was accepted. Run this again.") from exc
        except OSError as exc:
            raise CommandError(f"{exc.filename} cannot be used: {exc.strerror}. Run this again with the account of the workers.") from exc
        except (NothingToAccept, TrustZoneError, PKIError) as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write(f"The gap is accepted: checkpoint {row.number}, event {row.sequence}. Checkpoints are signed again.")
        if left:
            raise CommandError("\n".join(["These findings are in the log itself, so they stay:", *(found.text for found in left)]))
