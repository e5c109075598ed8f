"""View models of the database key for the page and the API: its versions, the nodes that have them, and the rotation."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import BooleanField, Case, Q, QuerySet, Value, When

from certs.central_key.services import central_keys_proved, resealing_progress
from certs.exports.status import exports_with_key
from certs.exports.view_models import AffectedExports, affected_exports
from certs.models import CentralKey, DatabaseKey, Rotation
from certs.states import DatabaseKeyStatus
from nodes.renewal.blocked_reason import blocked_column, with_blocked
from nodes.rotations.affected_nodes import AffectedNodes, AwaitedNodes, affected_nodes, awaited_nodes
from nodes.rotations.database_key import SETTLE, lacking
from nodes.rotations.services import blocked_reason, nodes_to_rotate
from sealing.errors import ZoneBroken
from sealing.fields import Readers
from sealing.walk import sealed_counts
from web.lists.counts import Computed
from web.progress import Step, steps_at
from web.words import counted, plural

PHASES = (
    (DatabaseKeyStatus.PREPARED, "The central node gets the new key"),
    (DatabaseKeyStatus.DELIVERED, "Every node gets the new key and proves that it can use it"),
    (DatabaseKeyStatus.WRITING, "Values are encrypted with the new key"),
    (DatabaseKeyStatus.RETIRED, "The old key is retired"),
)


def _phases(rotation: Rotation, status: str) -> list[Step]:
    at = len(PHASES) if rotation.finished_at else [phase for phase, _ in PHASES].index(DatabaseKeyStatus(status))
    return steps_at([label for _, label in PHASES], done=at)


@dataclass(frozen=True)
class KeyRotation:
    """A rotation of the database key: its progress, and the nodes that it waits for."""

    rotation: Rotation
    phase: str
    phases: list[Step]
    rows_done: int
    rows_total: int
    waits: AwaitedNodes
    settles_at: datetime | None

    @property
    def percent(self) -> int:
        return _percent(self.rows_done, self.rows_total)

    @property
    def title(self) -> str:
        last = "The last rotation," if self.rotation.finished_at else "Rotation"
        return f"{last} to version {self.rotation.to_version}"


def _percent(done: int, total: int) -> int:
    return 100 * done // total if total else 100


def key_nodes_awaited(rotation: Rotation, *, now: datetime) -> "QuerySet[Any]":
    """The nodes that the rotation waits for, with the column `blocked`. First it waits for the central node only."""
    version = DatabaseKey.objects.get(version=rotation.to_version)
    nodes = lacking(version).none() if rotation.finished_at else lacking(version)
    return with_blocked(nodes.filter(is_central=True) if version.status == DatabaseKeyStatus.PREPARED else nodes, now=now)


def key_rotation(rotation: Rotation, *, now: datetime) -> KeyRotation:
    version = DatabaseKey.objects.get(version=rotation.to_version)
    counts = sealed_counts(Readers.NODES)
    return KeyRotation(
        rotation,
        phase="finished" if rotation.finished_at else version.status,
        phases=_phases(rotation, version.status),
        rows_done=counts.get(version.key_id or "", 0),
        rows_total=sum(counts.values()),
        waits=awaited_nodes(blocked_column(key_nodes_awaited(rotation, now=now), now=now)),
        settles_at=rotation.settled_at + SETTLE if rotation.settled_at and not rotation.finished_at else None,
    )


@dataclass(frozen=True)
class CentralKeyCard:
    """The current central key and the progress of encryption with it. `unknown` counts values under a key that is not in use."""

    version: CentralKey
    done: int
    total: int
    unknown: int
    settles_at: datetime | None
    broken: str

    @property
    def percent(self) -> int:
        return _percent(self.done, self.total)

    @property
    def unknown_title(self) -> str:
        return _unknown_title(self.unknown)


def _unknown_title(number: int) -> str:
    them = plural(number, "it", "them")
    return f"{counted(number, 'value')} cannot be read, because the key that encrypted {them} is not in use"


def _passwords(total: int) -> str:
    return f"{counted(total, 'password')} of connections {plural(total, 'is', 'are')} encrypted"


def _central_key() -> CentralKeyCard | None:
    """None until `init` has made a central key."""
    version = CentralKey.objects.writing()
    if version is None:
        return None
    done, total = resealing_progress(version)
    try:
        broken, _ = "", central_keys_proved()
    except ZoneBroken as exc:
        broken = str(exc)
    settles_at = version.settled_at + SETTLE if version.settled_at and not version.finished_at else None
    return CentralKeyCard(version, done, total, total - done if version.finished_at else 0, settles_at, broken)


@dataclass(frozen=True)
class KeyPage:
    """The versions of the database key, the nodes that can use them, and the central key. `blocked` is why no rotation can start now.

    `versions` have the number of values under each. `unknown` counts values under a key that is not in use.
    """

    versions: list[tuple[DatabaseKey, int]]
    retired: Iterable[DatabaseKey]
    rotation: KeyRotation | None
    central: CentralKeyCard | None
    total: int
    unknown: int
    blocked: str

    @property
    def is_rotating(self) -> bool:
        return self.rotation is not None and not self.rotation.rotation.finished_at

    @property
    def passwords(self) -> str:
        return _passwords(self.total)

    @property
    def every_s(self) -> int:
        """The interval at which the page reloads its parts."""
        return 2 if self.is_rotating or (self.central and not self.central.version.finished_at) else 15

    @property
    def unknown_title(self) -> str:
        return _unknown_title(self.unknown)


def versions_in_use() -> list[DatabaseKey]:
    return list(DatabaseKey.objects.exclude(status=DatabaseKeyStatus.RETIRED))


def with_proofs(versions: Iterable[DatabaseKey], *, now: datetime) -> "QuerySet[Any]":
    """Every node that must read encrypted fields, with a column `blocked`, and a column `lacks`: whether it has not proved each of `versions`."""
    proved = Q(*(Q(observation__proved__has_key=version.key_id or "") for version in versions))
    lacks = Case(When(proved, then=Value(False)), default=Value(True), output_field=BooleanField())
    return with_blocked(nodes_to_rotate().with_report("proved").annotate(lacks=lacks), now=now)


def key_page(versions: list[DatabaseKey], *, now: datetime) -> KeyPage:
    """`versions` are those in use."""
    counts = sealed_counts(Readers.NODES)
    rotation = Rotation.objects.filter(kind=Rotation.Kind.DATABASE_KEY).first()
    known = {version.key_id for version in versions}
    return KeyPage(
        versions=[(version, counts.get(version.key_id or "", 0)) for version in versions],
        retired=DatabaseKey.objects.filter(status=DatabaseKeyStatus.RETIRED),
        rotation=key_rotation(rotation, now=now) if rotation else None,
        central=_central_key(),
        total=sum(counts.values()),
        unknown=sum(number for key_id, number in counts.items() if key_id not in known),
        blocked=blocked_reason(Rotation.Kind.DATABASE_KEY, now=now),
    )


@dataclass(frozen=True)
class KeyRotationPage:
    """The effects of a rotation, before it is confirmed; `blocked` is the reason if it cannot start."""

    old: DatabaseKey
    number: int
    total: int
    nodes: AffectedNodes
    exports: AffectedExports
    blocked: str
    error: str

    @property
    def passwords(self) -> str:
        return _passwords(self.total)

    @property
    def exports_text(self) -> str:
        contain = plural(self.exports.total, "contains", "contain")
        return f"{self.exports.count} {contain} the old key. They cannot read data encrypted with the new key until you renew them:"


def nodes_before_key_rotation(*, now: datetime) -> "QuerySet[Any]":
    """The nodes that a rotation of the database key would affect, with the column `blocked`."""
    return with_blocked(nodes_to_rotate(), now=now)


def key_rotation_page(column: Computed, *, error: str, now: datetime) -> KeyRotationPage:
    """`column` is the column `blocked` of the nodes."""
    old = DatabaseKey.objects.get(status=DatabaseKeyStatus.WRITING)
    newest = DatabaseKey.objects.order_by("-version").values_list("version", flat=True)[0]
    return KeyRotationPage(
        old,
        newest + 1,
        sum(sealed_counts(Readers.NODES).values()),
        affected_nodes(column),
        affected_exports(exports_with_key(now=now), filters={"database_key": "yes"}),
        blocked_reason(Rotation.Kind.DATABASE_KEY, now=now),
        error,
    )
