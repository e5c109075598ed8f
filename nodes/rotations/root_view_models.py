"""What the page and the API show about the root: the current roots, and the rotation for each node."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from certs.certificates.issuer import issuing_root, roots_in_force
from certs.exports.status import exports_of_root
from certs.models import Certificate, Rotation
from certs.roots.services import root_next_number
from certs.zone.services import zone_current
from nodes.models import Node
from nodes.renewal.blocked_reason import BlockedReasons
from nodes.rotations.root import SETTLE, NodeProgress, Phase, can_go_back_to, exports_awaited, nodes_progress, phase_of
from nodes.rotations.services import blocked_reason
from pki.core import clocks, lifetime
from pki.issuing import issue
from web.progress import steps_at

PHASES = (
    (Phase.MAKING, "The new root is created"),
    (Phase.TRUSTING, "Every node trusts both roots"),
    (Phase.ISSUING, "Every node gets new certificates, which are verified"),
    (Phase.FINISHED, "The old root is removed"),
)


@dataclass(frozen=True)
class Row:
    """One node of the table. `presents` is from its report; `accepted` was verified by a connection to it and by its own call."""

    node: Node
    trusts: bool
    presents: bool
    accepted: bool
    last_proof: datetime | None
    excluded: dict[str, str] | None
    awaited: bool
    blocked_reason: str


def _presents(progress: NodeProgress, by_root: set[str]) -> bool:
    seen = progress.node.observed
    if seen is None or seen.installed.get("service") not in by_root:
        return False
    return not seen.listening or seen.served.get("service") in by_root


def matrix(rotation: Rotation, *, now: datetime) -> list[Row]:
    """The current progress of every node that takes part."""
    by_root = (
        set(Certificate.objects.accepted().filter(issuer=rotation.to_root).values_list("sha256", flat=True)) if rotation.to_root else set()
    )
    blocked_reasons, phase = BlockedReasons(), phase_of(rotation)
    rows = []
    for each in nodes_progress(rotation):
        node, seen = each.node, each.node.observed
        why = blocked_reasons.of(node, now)
        if not why and seen and seen.listening and seen.served.get("service") not in (None, seen.installed.get("service")):
            why = "It still serves its old certificate. Restart its agent if this does not change."
        awaited = phase != Phase.FINISHED and each.is_awaited(phase)
        at = seen.last_seen_at if seen else None
        rows.append(Row(node, each.trusts, _presents(each, by_root), each.presents, at, each.excluded, awaited, why))
    return rows


def rotation_story(rotation: Rotation, *, now: datetime) -> dict[str, Any]:
    """The phase and progress of the rotation, the nodes that it waits for, and the possible actions."""
    phase = phase_of(rotation)
    rows = [] if phase == Phase.FINISHED else matrix(rotation, now=now)
    waits = [row for row in rows if row.awaited]
    at = [each for each, _ in PHASES].index(phase)
    done = phase == Phase.FINISHED
    phases = steps_at([label for _, label in PHASES], done=len(PHASES) if done else at)
    steps = 2 * len(rows) or 1
    percent = 100 if done else 100 * (sum(row.trusts for row in rows) + sum(row.accepted for row in rows)) // steps
    return {
        "rotation": rotation, "phase": phase, "phases": phases, "rows": rows, "waits": waits,
        "troubled": [row for row in waits if row.blocked_reason], "by_themselves": [row for row in waits if not row.blocked_reason],
        "percent": percent, "settles_at": rotation.settled_at + SETTLE if rotation.settled_at and not done else None,
        "exports": [] if done else exports_of_root(rotation.from_root, now=now),
        "exports_awaited": [] if done else exports_awaited(rotation, now=now),
        "can_roll_back": not done and not rotation.rolled_back and can_go_back_to(rotation.from_root, now),
    }  # fmt: skip


def root_story(*, now: datetime) -> dict[str, Any]:
    """All variables of the page of the root."""
    zone, rotation = zone_current(), Rotation.objects.select_related("from_root", "to_root").filter(kind=Rotation.Kind.ROOT).first()
    root = issuing_root()
    return {
        "now": now, "zone": zone, "roots": roots_in_force(), "root": root, "due_at": lifetime.root_due_at(root.not_before, root.not_after),
        "told": rotation_story(rotation, now=now) if rotation else None,
        "blocked": blocked_reason(Rotation.Kind.ROOT, now=now),
        "lists": [(each, each.revocation_lists.signed().first()) for each in roots_in_force()],
    }  # fmt: skip


def rotation_plan(*, now: datetime) -> dict[str, Any]:
    """The effects of a rotation, shown before it is confirmed; `blocked` is the reason if it cannot start."""
    zone, root, called = zone_current(), issuing_root(), timedelta(seconds=settings.QMC_HEARTBEAT_S)
    planned = Rotation(kind=Rotation.Kind.ROOT)
    gets = lifetime.validity(now=now, months=zone.lifetime_months, issuer_not_after=None)
    return {
        "now": now, "zone": zone, "old": root, "name": issue.root_name(zone.name, root_next_number()), "ends": gets.not_after,
        "rows": matrix(planned, now=now), "cluster": Certificate.objects.issued().filter(kind="cluster").first(),
        "exports": exports_of_root(root, now=now), "blocked": blocked_reason(Rotation.Kind.ROOT, now=now),
        "switches_after": clocks.length(called + SETTLE), "drops_after": clocks.length(called + 2 * SETTLE),
    }  # fmt: skip
