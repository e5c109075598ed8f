"""The only functions that change the state of a node or of a renewal."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from audit.actors import Actor
from audit.models import Event
from audit.record import record
from certs.models import Certificate
from nodes.errors import IllegalNodeTransition, StaleNode
from nodes.models import Node, Registration, Renewal
from nodes.states import RENEWAL_TRANSITIONS, TRANSITIONS, NodeState, RenewalStatus


def node_lock(node: Node) -> None:
    """Lock all rows of the node that a transaction can change. A transaction that changes several of them does this before its first `audit.record`.

    `record` locks the end of the audit log, for which every other transaction waits. If its holder waited for a row too, two transactions could
    wait for each other, and PostgreSQL would cancel one of them.
    """
    of_node: list[QuerySet[Any]] = [
        Node.objects.filter(pk=node.pk), Renewal.objects.filter(node=node), Registration.objects.filter(node=node),
    ]  # fmt: skip
    for rows in of_node:
        list(rows.select_for_update().order_by("pk").values_list("pk"))
    Certificate.objects.filter(holder_id=node.pk).lock()


@transaction.atomic
def node_transition(*, node: Node, to: NodeState, reason: str, actor: Actor, now: datetime, **changes: object) -> Event:
    """Move `node` to `to`. Raises: IllegalNodeTransition, StaleNode (another worker was first)."""
    old = NodeState(node.state)
    if to not in TRANSITIONS[old]:
        raise IllegalNodeTransition(f"{node} is {old.label.lower()} and cannot change to {to.label.lower()} now.")
    failed_from = old.value if to == NodeState.FAILED else ""
    moved = Node.objects.filter(pk=node.pk, state=old, generation=node.generation).update(
        state=to, state_reason=reason[:500], state_since=now, failed_from=failed_from, **changes
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
