"""The periodic work of the audit log."""

import logging
from datetime import datetime, timedelta

from django.db import DatabaseError

from agent.files import InUse
from audit.checkpoints.key import zone_here
from audit.checkpoints.look import log_look
from audit.checkpoints.services import CheckpointRefused, checkpoint_is_due, checkpoint_sign
from jobs.periodic import periodic_task
from pki.core.errors import PKIError
from sealing.errors import TrustZoneError

log = logging.getLogger(__name__)
CHECK, LOOK = "audit check", "audit look"


@periodic_task(name=CHECK, label="Audit log check", period=timedelta(seconds=15), lease=timedelta(seconds=60), frees_lease=True)
def check(*, now: datetime) -> None:
    """Sign what was written in the last minute. A worker of another machine than the central node does nothing, so it is asked for more often."""
    if checkpoint_is_due(now=now):
        _sign(now)


@periodic_task(name=LOOK, label="Check of the whole audit log", period=timedelta(days=1), lease=timedelta(minutes=15), frees_lease=True)
def look(*, now: datetime) -> None:
    """Verify everything, as `verify_audit` does: events before the last checkpoint can be changed too."""
    if zone_here() is not None:
        log_look(now=now)


def sign_at_end(*, now: datetime) -> None:
    """Sign what was written since the last checkpoint, because this worker ends. A failure is logged: the next worker tries again."""
    try:
        _sign(now)
    except (TrustZoneError, PKIError, OSError, DatabaseError):
        log.exception("the audit log was not signed at the end of this worker")


def _sign(now: datetime) -> None:
    try:
        checkpoint_sign(now=now)
    except InUse as exc:
        log.info("the checkpoints of the audit log are in use by %s", exc)
    except CheckpointRefused as exc:
        log.log(logging.DEBUG if exc.known else logging.ERROR, "the audit log was not signed: %s", exc)
