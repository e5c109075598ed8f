"""The overview's question: is the site safe, and what must somebody do next?"""

from datetime import datetime
from typing import Any

from attention.needs import attention
from audit.actors import Actor
from backups.backup import VERIFIED
from certs.models import Certificate, TrustZone
from jobs.models import Job, PeriodicWork
from nodes.models import Node
from nodes.states import NodeState
from qmc.expiry.board import expiry_board
from qmc.expiry.view_models import headline
from qmc.overview.running import running


def overview(actor: Actor, now: datetime) -> dict[str, Any]:
    """All that the overview shows to `actor`. What expires next is what the expiry board says."""
    nodes, issued, found = Node.objects.present(), Certificate.objects.issued(), attention(now)
    founded = TrustZone.objects.current() is not None and actor.has_perm("certs.view_certificate")
    board = expiry_board(actor=actor, as_of=now, now=now) if founded else None
    return {
        "now": now, "zone": TrustZone.objects.current(), "running": running(now), "board": board, "expiry": headline(board)[0] if board else "",
        "needs": [each.need for each in found if not each.explained_by], "explained": [each for each in found if each.explained_by],
        "nodes": nodes.count(), "registered": nodes.filter(state=NodeState.REGISTERED).count(), "certificates": issued.count(),
        "failed": nodes.filter(state=NodeState.FAILED).count(), "awaiting": nodes.filter(state=NodeState.AWAITING_PASSWORD).count(),
        "others": nodes.filter(is_central=False).count(),
        "under_way": Job.objects.unfinished()[:5], "backup": PeriodicWork.objects.filter(name=VERIFIED).first(),
    }  # fmt: skip
