"""The lists of nodes that a rotation affects, and the format of their rows in files."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from certs.models import Certificate, DatabaseKey, Rotation
from certs.states import CertificateStatus
from nodes.models import Node
from nodes.rotations.affected_nodes import AffectedNode, with_reasons
from nodes.rotations.database_key import proved_at
from nodes.rotations.filters import AffectedFilter, ProgressFilter, ReaderFilter
from web.lists.counts import Computed
from web.lists.declared import Column, List


class AffectedList(List):
    """The nodes that a rotation waits for, the worst first. The rows are those of `with_blocked`."""

    model = Node
    noun, caption = "node", "Nodes that get new certificates"
    empty = "No node has certificates yet."
    filters = AffectedFilter
    columns: ClassVar[Sequence[Column]] = (
        Column("node", "Node", "nodes/rotations/cell_node.html", sort="name"),
        Column("readiness", "New certificates", "nodes/rotations/cell_readiness.html", sort="blocked name"),
        Column("services", "Services", "nodes/rotations/cell_services.html"),
    )
    sort = "readiness"
    csv: ClassVar[Sequence[str]] = ("node", "name", "host_name", "services", "readiness", "reason")

    def shown(self, rows: list[Node], now: datetime) -> list[Any]:
        return with_reasons(rows)

    def json(self, rows: list[Node], now: datetime) -> list[dict[str, Any]]:
        return [affected_json(row) for row in with_reasons(rows)]


def affected_json(row: AffectedNode) -> dict[str, Any]:
    return {
        "node": str(row.node.pk), "name": row.node.name, "host_name": row.node.host_name, "services": row.node.services,
        "readiness": row.readiness.value, "reason": row.reason,
    }  # fmt: skip


@dataclass(frozen=True)
class Reader(AffectedNode):
    """A node that must read encrypted fields, and when it last proved that it has each version of the database key (None: not yet)."""

    proved: list[tuple[datetime | None, DatabaseKey]]


class ReaderList(AffectedList):
    """The nodes that must have these versions of the database key. The rows are those of `with_proofs`."""

    caption = "The versions of the database key that each node has"
    filters = ReaderFilter
    columns = (
        Column("node", "Node", "nodes/rotations/cell_node.html", sort="name"),
        Column("proved", "Versions", "nodes/rotations/database_key/cell_proved.html", sort="lacks name"),
        Column("readiness", "New certificates", "nodes/rotations/cell_readiness.html", sort="blocked name"),
    )
    csv = ("node", "name", "host_name", "services", "proved", "readiness", "reason")

    def __init__(self, versions: Sequence[DatabaseKey], *, computed: Computed) -> None:
        super().__init__(computed=computed)
        self.versions = versions

    def shown(self, rows: list[Node], now: datetime) -> list[Reader]:
        return [Reader(row.node, row.readiness, row.reason, proofs(row.node, self.versions)) for row in with_reasons(rows)]

    def json(self, rows: list[Node], now: datetime) -> list[dict[str, Any]]:
        return [affected_json(row) | {"proved": {str(version.version): at for at, version in row.proved}} for row in self.shown(rows, now)]


def proofs(node: Node, versions: Sequence[DatabaseKey]) -> list[tuple[datetime | None, DatabaseKey]]:
    """When the node last proved that it has each of `versions`."""
    found = [(proved_at(node, version), version) for version in versions]
    return [(datetime.fromisoformat(at) if at else None, version) for at, version in found]


@dataclass(frozen=True)
class ProgressNode(AffectedNode):
    """A node in a rotation of the root. `presents` is from its report; `accepted` was verified by a connection to it and by its own call."""

    trusts: bool
    presents: bool
    accepted: bool
    last_report: datetime | None
    excluded: dict[str, str] | None


class ProgressList(AffectedList):
    """The progress of each node, first the nodes that the rotation waits for. The rows are those of `root_progress_rows`."""

    caption = "The progress of each node"
    filters = ProgressFilter
    columns = (
        Column("node", "Node", "nodes/rotations/root/cell_node.html", sort="name"),
        Column("readiness", "New certificates", "nodes/rotations/cell_readiness.html", sort="-waits blocked name"),
        Column("trusts", "Trusts the root", "nodes/rotations/root/cell_trusts.html", sort="trusts name"),
        Column("presents", "Uses its certificate", "nodes/rotations/root/cell_presents.html"),
        Column("accepted", "Verified", "nodes/rotations/root/cell_accepted.html", sort="presents name"),
        Column("seen", "Last report", "nodes/rotations/root/cell_seen.html", sort="observation__last_seen_at"),
    )
    csv = ("node", "name", "trusts", "presents", "accepted", "last_proof", "excluded", "readiness", "reason")

    def __init__(self, rotation: Rotation) -> None:
        super().__init__()
        self.rotation = rotation

    def shown(self, rows: list[Any], now: datetime) -> list[ProgressNode]:
        excluded = {exclusion["id"]: exclusion for exclusion in self.rotation.excluded}
        reported = {
            text for row in rows if row.observed for text in (row.observed.installed.get("service"), row.observed.served.get("service"))
        }
        # The database finds these few certificates by their fingerprints only if it is asked for nothing else.
        known = Certificate.objects.filter(sha256__in=reported - {None}).order_by().only("sha256", "status", "issuer_id")
        by_root = {
            row.sha256
            for row in known
            if row.issuer_id == self.rotation.to_root_id and row.status in (CertificateStatus.ISSUED, CertificateStatus.SUPERSEDED)
        }
        return [
            ProgressNode(
                row.node, row.readiness, row.reason, row.node.trusts, _presents(row.node, by_root), row.node.presents,  # type: ignore[attr-defined]
                row.node.observed.last_seen_at if row.node.observed else None, excluded.get(str(row.node.pk)),
            )
            for row in with_reasons(rows)
        ]  # fmt: skip

    def json(self, rows: list[Any], now: datetime) -> list[dict[str, Any]]:
        return [
            {
                **affected_json(row), "trusts": row.trusts, "presents": row.presents, "accepted": row.accepted, "last_proof": row.last_report,
                "excluded": bool(row.excluded),
            }
            for row in self.shown(rows, now)
        ]  # fmt: skip


def _presents(node: Node, by_root: set[str]) -> bool:
    seen = node.observed
    if seen is None or seen.installed.get("service") not in by_root:
        return False
    return not seen.listening or seen.served.get("service") in by_root
