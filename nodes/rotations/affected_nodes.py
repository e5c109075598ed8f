"""The nodes that a rotation affects or waits for: how each of them gets new certificates, and how many do it in which way."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nodes.models import Node
from nodes.renewal.blocked_reason import READINESS, Blocked, Readiness, blocked_texts
from web.lists.counts import Computed
from web.lists.keyset import InGroups, order_of
from web.words import counted

MOST_NAMED, FEW = 20, 6
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
class AffectedNode:
    """A node that must get new certificates. `reason` is why it cannot get them now, and what to do; empty if it can."""

    node: Node
    readiness: Readiness
    reason: str


def with_reasons(rows: Iterable[Any]) -> list[AffectedNode]:
    """`rows` are those of `with_blocked`."""
    nodes = list(rows)
    texts = blocked_texts(nodes)
    return [AffectedNode(node, READINESS[node.blocked], texts[node.pk]) for node in nodes]


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


def affected_nodes(column: Computed) -> AffectedNodes:
    """`column` is that of `blocked_column`."""
    counts = dict.fromkeys(Readiness, 0)
    for blocked, number in column.counts(Blocked).items():
        counts[READINESS[Blocked(blocked)]] += number
    return AffectedNodes([Group(readiness, count) for readiness, count in counts.items() if count])


@dataclass(frozen=True)
class AwaitedNodes:
    """The nodes that a rotation waits for. The `blocked` ones keep it waiting until a person acts. `named` has the first of all, the worst first."""

    total: int
    blocked: int
    named: list[AffectedNode]

    @property
    def title(self) -> str:
        return f"Waiting for {counted(self.total, 'node')}"

    @property
    def named_blocked(self) -> list[AffectedNode]:
        return [row for row in self.named if row.reason]

    @property
    def more_blocked(self) -> int:
        return self.blocked - len(self.named_blocked)

    @property
    def automatic(self) -> str:
        """The nodes that are not blocked, in words; empty if there is none."""
        number = self.total - self.blocked
        names = [row.node.name for row in self.named if not row.reason]
        return ", ".join(names) if len(names) == number <= FEW else counted(number, "node")


def awaited_nodes(column: Computed) -> AwaitedNodes:
    """`column` is that of `blocked_column`."""
    groups, rows = affected_nodes(column).groups, column.rows
    named = InGroups(rows, order_of(rows, "", ["blocked", "name"]), column).from_place(MOST_NAMED, None, back=False)
    total = sum(group.count for group in groups)
    return AwaitedNodes(
        total, sum(group.count for group in groups if group.readiness != Readiness.AUTOMATIC), with_reasons(named) if total else []
    )
