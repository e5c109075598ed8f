"""Request a revocation list. The room `revocation` signs it."""

from datetime import datetime

from audit.actors import SYSTEM
from certs.models import Certificate
from jobs.services import job_create


def list_ask(*, root: Certificate, now: datetime) -> None:
    """Make a worker sign the next list of `root` when the caller's transaction has committed."""
    job_create(task=TASK, subject=root.pk, title=f"Revocation list of {root.subject}", actor=SYSTEM.label, now=now)


TASK = "revocation-list"
