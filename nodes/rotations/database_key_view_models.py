"""What the page and the API show about the database key: its versions, the nodes that have them, and the rotation."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from certs.central_key.services import central_keys_proved, resealing_progress
from certs.exports.status import exports_with_key
from certs.models import CentralKey, DatabaseKey, Rotation
from certs.states import DatabaseKeyStatus
from nodes.models import Node
from nodes.renewal.blocked_reason import BlockedReasons
from nodes.rotations.database_key import SETTLE, lacking, proved_at
from nodes.rotations.services import blocked_reason, counted
from sealing.errors import ZoneBroken
from sealing.fields import Readers
from sealing.walk import sealed_counts
from web.progress import Step, steps_at

PHASES = (
    (DatabaseKeyStatus.PREPARED, "The central node gets the new key"),
    (DatabaseKeyStatus.DELIVERED, "Every node gets the new key and proves that it can use it"),
    (DatabaseKeyStatus.WRITING, "Values are encrypted with the new key"),
    (DatabaseKeyStatus.RETIRED, "The old key is retired"),
)


@dataclass(frozen=True)
class Reader:
    """One node, and when it last proved that it has each version (None: not yet)."""

    node: Node
    proved: list[tuple[datetime | None, DatabaseKey]]
    blocked_reason: str


def readers(versions: list[DatabaseKey], *, now: datetime) -> list[Reader]:
    """Every node that must read encrypted fields, with its proofs of `versions`."""
    blocked_reasons = BlockedReasons()
    return [Reader(node, proofs(node, versions), blocked_reasons.of(node, now)) for node in counted()]


def proofs(node: Node, versions: list[DatabaseKey]) -> list[tuple[datetime | None, DatabaseKey]]:
    """When the node last proved that it has each of `versions`."""
    found = [(proved_at(node, each), each) for each in versions]
    return [(datetime.fromisoformat(at) if at else None, each) for at, each in found]


def _phases(rotation: Rotation, status: str) -> list[Step]:
    at = len(PHASES) if rotation.finished_at else [each for each, _ in PHASES].index(DatabaseKeyStatus(status))
    return steps_at([label for _, label in PHASES], done=at)


def rotation_story(rotation: Rotation, *, now: datetime) -> dict[str, Any]:
    """The phase and progress of the rotation, and the nodes that it waits for."""
    version = DatabaseKey.objects.get(version=rotation.to_version)
    counts = sealed_counts(Readers.NODES)
    missing = set() if rotation.finished_at else {node.pk for node in lacking(version)}
    waits = [each for each in readers([version], now=now) if each.node.pk in missing]
    if version.status == DatabaseKeyStatus.PREPARED:
        waits = [each for each in waits if each.node.is_central]
    settles_at = rotation.settled_at + SETTLE if rotation.settled_at and not rotation.finished_at else None
    done, total = counts.get(version.key_id or "", 0), sum(counts.values())
    return {
        "rotation": rotation, "version": version, "phase": "finished" if rotation.finished_at else version.status, "phases": _phases(rotation, version.status),
        "rows_done": done, "rows_total": total, "percent": 100 * done // total if total else 100, "waits": waits, "blocked": any(each.blocked_reason for each in waits), "settles_at": settles_at,
    }  # fmt: skip


def key_story(*, now: datetime) -> dict[str, Any]:
    """All variables of the page of encrypted fields."""
    versions, counts = list(DatabaseKey.objects.exclude(status=DatabaseKeyStatus.RETIRED)), sealed_counts(Readers.NODES)
    rotation = Rotation.objects.filter(kind=Rotation.Kind.DATABASE_KEY).first()
    strange = sum(number for key_id, number in counts.items() if key_id not in {each.key_id for each in versions})
    return {
        "now": now, "versions": [(each, counts.get(each.key_id or "", 0)) for each in versions], "live": versions,
        "retired": DatabaseKey.objects.filter(status=DatabaseKeyStatus.RETIRED), "readers": readers(versions, now=now),
        "told": rotation_story(rotation, now=now) if rotation else None, "strange": strange, "total": sum(counts.values()),
        "central": _central(), "blocked": blocked_reason(Rotation.Kind.DATABASE_KEY, now=now),
    }  # fmt: skip


def _central() -> dict[str, Any] | None:
    """The current central key and the progress of encryption with it; None until `init` has made one."""
    version = CentralKey.objects.writing()
    if version is None:
        return None
    done, total = resealing_progress(version)
    try:
        broken, _ = "", central_keys_proved()
    except ZoneBroken as exc:
        broken = str(exc)
    settles_at = version.settled_at + SETTLE if version.settled_at and not version.finished_at else None
    return {
        "strange": total - done if version.finished_at else 0,
        "version": version, "done": done, "total": total, "percent": 100 * done // total if total else 100, "settles_at": settles_at, "broken": broken,
    }  # fmt: skip


def rotation_plan(*, now: datetime) -> dict[str, Any]:
    """The effects of a rotation, shown before it is confirmed."""
    old = DatabaseKey.objects.get(status=DatabaseKeyStatus.WRITING)
    newest = DatabaseKey.objects.order_by("-version").values_list("version", flat=True)[0]
    return {
        "now": now, "old": old, "number": newest + 1, "total": sum(sealed_counts(Readers.NODES).values()), "readers": readers([old], now=now),
        "exports": exports_with_key(now=now), "blocked": blocked_reason(Rotation.Kind.DATABASE_KEY, now=now),
    }  # fmt: skip
