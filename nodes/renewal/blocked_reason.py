"""Why a node cannot get new certificates at the moment. The database decides, so that lists of nodes are counted, sorted and filtered by it."""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, F, IntegerChoices, IntegerField, Q, QuerySet, TextChoices, Value, When
from django.db.models.fields.json import KT
from django.db.models.lookups import Exact

from nodes.inventory.silence import nodes_in, observed, silent_calls
from nodes.models import CallerFinding, Node, Observation, Renewal
from nodes.observation.callers import DISPUTED
from nodes.states import UNDER_WAY, NodeState, RenewalStatus
from web.lists.counts import Unusual

LATE = timedelta(minutes=5)


class Blocked(IntegerChoices):
    """The reasons, in the order of lists: the worst first."""

    FAILED = 1, "Its redistribution failed. Redistribute it again, or decommission it."
    DISPUTED = 2, DISPUTED
    RENEWAL = 3, "Its renewal is blocked: {reason}"
    NOT_FETCHED = 4, "The node does not fetch its new certificates. See the log of its agent."
    OLD_CERTIFICATE = 5, "It still serves its old certificate. Restart its agent if this does not change."
    SILENT = 6, "The node is silent. Start its agent, or decommission the node."
    REGISTERING = 7, "Its registration is in progress. Enter its password on the node, or wait."
    NO = 8, ""


class Readiness(TextChoices):
    """What happens with a node that must get new certificates."""

    BY_HAND = "by_hand", "action required"
    SILENT = "silent", "silent"
    REGISTERING = "registering", "registration in progress"
    AUTOMATIC = "by_itself", "automatic"


READINESS = dict.fromkeys(Blocked, Readiness.BY_HAND) | {
    Blocked.SILENT: Readiness.SILENT, Blocked.REGISTERING: Readiness.REGISTERING, Blocked.NO: Readiness.AUTOMATIC,
}  # fmt: skip
# For `with_blocked`: the agent's own port presents another certificate than the installed one.
_OLD_SERVED = (
    Q(served__service__isnull=False, serves_another_since__isnull=False, listening=True)
    & ~Q(served__service=None)  # the agent got no answer from its own port
    & ~Q(Exact(KT("served__service"), F("service_sha256")))
)
SERVES_OLD = When(observed(_OLD_SERVED), then=Value(Blocked.OLD_CERTIFICATE))


_disputed = CallerFinding.objects.filter(kind=CallerFinding.Kind.TWO_CALLERS, node__isnull=False).values("node")
_current = Renewal.objects.filter(generation=F("node__generation")).order_by()
# The few that are not proved. Ranges, for the index.
_not_proved = [_current.filter(status__lt=RenewalStatus.PROVED), _current.filter(status__gt=RenewalStatus.PROVED)]
_never_called = Node.objects.filter(observation=None).values("pk")


def _silent(now: datetime) -> "QuerySet[Any]":
    return Observation.objects.filter(silent_calls(now)).values("node")


def blocked_column(rows: "QuerySet[Any]", *, now: datetime) -> Unusual:
    """The column of `rows`, which are those of `with_blocked`."""
    stopped = Node.objects.filter(state__in=[*UNDER_WAY, NodeState.FAILED]).values("pk")
    old = Observation.objects.filter(_OLD_SERVED).values("node")
    return Unusual(
        rows,
        "blocked",
        Blocked.NO,
        nodes_in(stopped, _disputed, _silent(now), _never_called, *(part.values("node") for part in _not_proved), old),
    )


def with_blocked(nodes: "QuerySet[Node]", *, now: datetime, further: Iterable[When] = ()) -> "QuerySet[Any]":
    """`nodes` with a column `blocked`. `further` are conditions for nodes that nothing else blocks."""
    late = _current.filter(status=RenewalStatus.OFFERED, created_at__lt=now - LATE)
    blocked = Case(
        When(state__in=UNDER_WAY, then=Value(Blocked.REGISTERING)),
        When(state=NodeState.FAILED, then=Value(Blocked.FAILED)),
        When(pk__in=_disputed, then=Value(Blocked.DISPUTED)),
        When(nodes_in(_silent(now), _never_called), then=Value(Blocked.SILENT)),
        When(pk__in=late.values("node"), then=Value(Blocked.NOT_FETCHED)),
        When(nodes_in(*(part.exclude(reason="").values("node") for part in _not_proved)), then=Value(Blocked.RENEWAL)),
        *further,
        default=Value(Blocked.NO),
        output_field=IntegerField(),
    )
    return nodes.annotate(blocked=blocked)


def blocked_texts(nodes: Iterable[Any]) -> dict[uuid.UUID, str]:
    """Why each of `nodes` is blocked, and what to do; "" if it is not. The nodes are those of `with_blocked`."""
    rows = list(nodes)
    renewals = Renewal.objects.filter(node__in=[row.pk for row in rows if row.blocked == Blocked.RENEWAL]).exclude(reason="")
    reasons = {(row.node_id, row.generation): row.reason for row in renewals.defer("package")}
    return {row.pk: Blocked(row.blocked).label.format(reason=reasons.get((row.pk, row.generation), "")) for row in rows}
