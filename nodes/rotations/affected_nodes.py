"""The nodes that a rotation affects, counted by how they get new certificates."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet

from nodes.renewal.blocked_reason import READINESS, Blocked, Readiness
from web.words import counted

MOST = 10**9
TEXTS = {
    Readiness.BY_HAND: "require an action. The rotation waits for them.",
    Readiness.SILENT: "are silent. The rotation waits until they call, or until you decommission them.",
    Readiness.REGISTERING: "are being registered. The rotation waits until they are.",
    Readiness.AUTOMATIC: "get new certificates automatically.",
}
TEXTS_OF_ONE = {
    Readiness.BY_HAND: "requires an action. The rotation waits for it.",
    Readiness.SILENT: "is silent. The rotation waits until it calls, or until you decommission it.",
    Readiness.REGISTERING: "is being registered. The rotation waits until it is.",
    Readiness.AUTOMATIC: "gets new certificates automatically.",
}


@dataclass(frozen=True)
class Group:
    """Nodes that get new certificates in the same way."""

    readiness: Readiness
    count: int

    @property
    def nodes(self) -> str:
        return counted(self.count, "node")

    @property
    def text(self) -> str:
        return (TEXTS_OF_ONE if self.count == 1 else TEXTS)[self.readiness]


@dataclass(frozen=True)
class AffectedNodes:
    """All of them; `groups` has those that are not empty, the worst first."""

    groups: list[Group]

    @property
    def total(self) -> int:
        return sum(group.count for group in self.groups)


def affected_nodes(rows: "QuerySet[Any]") -> AffectedNodes:
    """`rows` are those of `with_blocked`. One query."""
    # The limit keeps the database from deciding twice for each row: for the group and for its number.
    numbers = rows.order_by().values("blocked")[:MOST].aggregate(**{
        blocked.name: Count("blocked", filter=Q(blocked=blocked)) for blocked in Blocked
    })  # fmt: skip
    counts = dict.fromkeys(Readiness, 0)
    for blocked in Blocked:
        counts[READINESS[blocked]] += numbers[blocked.name]
    return AffectedNodes([Group(readiness, count) for readiness, count in counts.items() if count])
