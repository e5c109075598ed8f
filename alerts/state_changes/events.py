"""The audit events that change the state of a node, a certificate, a rotation or an export."""

from collections.abc import Iterable

from django.db.models import QuerySet

from alerts.channels.services import CHECKPOINTS
from audit.models import Event

# The kinds that a channel can choose, and the actions of their events.
ACTIONS: dict[str, frozenset[str]] = {
    "nodes": frozenset({"node.created", "node.transition", "renewal.transition"}),
    "certificates": frozenset({"certificate.recorded", "certificate.transition"}),
    "rotations": frozenset(
        {
            "rotation.started", "rotation.paused", "rotation.resumed", "rotation.switched", "rotation.rolled_back", "rotation.finished", "rotation.ended",
            "database_key.transition", "central_key.transition",
        }
    ),
    "exports": frozenset({"export.requested", "export.transition"}),
    CHECKPOINTS: frozenset(),  # they are no events
}  # fmt: skip


def changes_after(sequence: int, kinds: Iterable[str]) -> QuerySet[Event]:
    """The changes of state of these kinds after the event `sequence`, the first one first."""
    actions = frozenset[str]().union(*(ACTIONS[kind] for kind in kinds))
    return Event.objects.filter(sequence__gt=sequence, action__in=actions).order_by("sequence")
