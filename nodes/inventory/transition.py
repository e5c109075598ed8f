"""The only functions that change the state of a node or of a renewal."""

from datetime import datetime

from django.db import transaction

from audit.actors import Actor
from audit.models import Event
from audit.record import record
from nodes.errors import IllegalNodeTransition, StaleNode
from nodes.models import Node, Renewal
from nodes.states import RENEWAL_TRANSITIONS, TRANSITIONS, NodeState, RenewalStatus


@transaction.atomic
def node_transition(*, node: Node, to: NodeState, reason: str, actor: Actor, now: datetime, **changes: object) -> Event:
    """Move `node` to `to`. Raises: IllegalNodeTransition, StaleNode (another worker was first)."""
    old = NodeState(node.state)
    if to not in TRANSITIONS[old]:
        raise IllegalNodeTransition(f"{node} is {old.label.lower()} and cannot change to {to.label.lower()} now.")
    moved = Node.objects.filter(pk=node.pk, state=old, generation=node.generation).update(
        state=to, state_reason=reason[:500], state_since=now, **changes
    )
    if not moved:
        raise StaleNode(f"{node} is no longer {old}")
    node.refresh_from_db()
    return record(actor=actor, action="node.transition", target=node, detail={"from": old, "to": to, "reason": reason}, now=now)


@transaction.atomic
def renewal_transition(*, renewal: Renewal, to: RenewalStatus, reason: str, actor: Actor, now: datetime, **changes: object) -> Event:
    """Move `renewal` to `to`. Raises: IllegalNodeTransition, StaleNode."""
    old = RenewalStatus(renewal.status)
    if to not in RENEWAL_TRANSITIONS[old]:
        raise IllegalNodeTransition(f"{renewal}: {old} → {to} is not possible")
    if not Renewal.objects.filter(pk=renewal.pk, status=old).update(status=to, status_since=now, reason=reason[:500], **changes):
        raise StaleNode(f"{renewal} is no longer {old}")
    renewal.refresh_from_db()
    detail = {"from": old, "to": to, "reason": reason, "generation": renewal.generation}
    return record(actor=actor, action="renewal.transition", target=renewal.node, detail=detail, now=now)
