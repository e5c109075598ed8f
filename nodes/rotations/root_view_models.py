"""View models of the root for the page and the API: the current roots, and the rotation for each node."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import BooleanField, Case, Count, Q, QuerySet, Value, When

from certs.certificates.issuer import issuing_root, roots_in_force
from certs.certificates.issuer import root_rotation as rotation_now
from certs.exports.status import exports_of_root
from certs.exports.view_models import AffectedExports, affected_exports
from certs.models import Certificate, RevocationList, Rotation
from certs.roots.services import cluster_in_force, root_next_number
from certs.zone.services import zone_current
from nodes.calls.services import call_limits
from nodes.inventory.intervals import regular_interval
from nodes.inventory.silence import observed
from nodes.models import Node
from nodes.renewal.blocked_reason import SERVES_OLD, blocked_column, with_blocked
from nodes.rotations.affected_nodes import AffectedNodes, AwaitedNodes, affected_nodes, awaited_nodes
from nodes.rotations.root import SETTLE, can_go_back_to, exports_awaited
from nodes.rotations.root_nodes import Phase, awaited, nodes_in, phase_of
from nodes.rotations.services import blocked_reason, nodes_to_reissue
from pki.core import clocks, lifetime
from pki.core.roles import Kind
from pki.issuing import issue
from web.lists.counts import Computed
from web.progress import Step, steps_at
from web.words import plural

PHASES = (
    (Phase.MAKING, "The new root is created"),
    (Phase.TRUSTING, "Every node trusts both roots"),
    (Phase.ISSUING, "Every node gets new certificates, which are verified"),
    (Phase.FINISHED, "The old root is removed"),
)


def _subject(root: Certificate | None) -> str:
    return root.subject if root else ""


@dataclass(frozen=True)
class RootRotation:
    """A rotation of the root: its progress, the nodes that it waits for, and what it allows."""

    rotation: Rotation
    phase: Phase
    phases: list[Step]
    waits: AwaitedNodes
    percent: int
    settles_at: datetime | None
    exports: AffectedExports
    exports_awaited: list[str]
    can_roll_back: bool

    @property
    def title(self) -> str:
        rotation = self.rotation
        if rotation.finished_at:
            return "The last rotation"
        if rotation.rolled_back:
            return f"Rollback to {_subject(rotation.to_root)}"
        to = f" to {rotation.to_root.subject}" if rotation.to_root else ""
        return f"Rotation from {_subject(rotation.from_root)}{to}"

    @property
    def excluded(self) -> str:
        """The names of the excluded nodes."""
        return ", ".join(exclusion["name"] for exclusion in self.rotation.excluded)

    @property
    def exports_title(self) -> str:
        have = plural(self.exports.total, "has", "have")
        return f"{self.exports.count} still {have} certificates of {_subject(self.rotation.from_root)}"

    @property
    def exports_text(self) -> str:
        renew = "before the rotation has finished" if self.rotation.switched_at else "when the new root issues"
        if self.exports_awaited:
            return f"Renew them {renew}. {_subject(self.rotation.from_root)} stays until they are renewed or revoked."
        return f"Renew them {renew}. The rotation does not wait for them."


def root_nodes_awaited(rotation: Rotation, *, now: datetime) -> "QuerySet[Any]":
    """The nodes that the rotation waits for, with the column `blocked`."""
    phase, nodes = phase_of(rotation), nodes_in(rotation)
    waits = nodes.none() if phase == Phase.FINISHED else awaited(nodes, rotation, phase)
    return with_blocked(waits, now=now, further=[SERVES_OLD])


def root_progress_rows(rotation: Rotation, *, now: datetime) -> "QuerySet[Any]":
    """Every node in the rotation, with its progress, the column `blocked`, and `waits`: whether the rotation waits for it."""
    waits = Q(presents=False) if phase_of(rotation) == Phase.ISSUING else Q(trusts=False)
    condition = waits & ~Q(pk__in=[exclusion["id"] for exclusion in rotation.excluded])
    marked = Case(When(condition, then=Value(True)), default=Value(False), output_field=BooleanField())
    return with_blocked(nodes_in(rotation).annotate(waits=marked), now=now, further=[SERVES_OLD])


def _percent(rotation: Rotation) -> int:
    """Each node counts when it trusts the root, and when its certificates are verified."""
    numbers = {name: Count("pk", filter=Q((name, True))) for name in ("trusts", "presents")}
    found = nodes_in(rotation).order_by().aggregate(total=Count("pk"), **numbers)
    return int(100 * (found["trusts"] + found["presents"]) // (2 * found["total"] or 1))


def root_rotation(rotation: Rotation, *, now: datetime) -> RootRotation:
    phase = phase_of(rotation)
    done = phase == Phase.FINISHED
    at = [step for step, _ in PHASES].index(phase)
    return RootRotation(
        rotation, phase, steps_at([label for _, label in PHASES], done=len(PHASES) if done else at), awaited_nodes(blocked_column(root_nodes_awaited(rotation, now=now), now=now)),
        percent=100 if done else _percent(rotation),
        settles_at=rotation.settled_at + SETTLE if rotation.settled_at and not done else None,
        exports=_exports_of(None if done else rotation.from_root, now=now),
        exports_awaited=[] if done else list(exports_awaited(rotation, now=now).values_list("machine", flat=True)),
        can_roll_back=not done and not rotation.rolled_back and can_go_back_to(rotation.from_root, now),
    )  # fmt: skip


@dataclass(frozen=True)
class TrustedRoot:
    """A root that nodes trust, with its newest revocation list."""

    root: Certificate
    issues: bool
    revocation_list: RevocationList | None
    list_expired: bool


@dataclass(frozen=True)
class RootPage:
    """The root that issues certificates, its replacement, and every root that is trusted. `blocked` is why no rotation can start now."""

    root: Certificate
    automatic: bool
    due_at: datetime
    is_due: bool
    rotation: RootRotation | None
    blocked: str
    roots: list[TrustedRoot]

    @property
    def is_rotating(self) -> bool:
        return self.rotation is not None and not self.rotation.rotation.finished_at


def root_page(*, now: datetime) -> RootPage:
    zone, root = zone_current(), issuing_root()
    last = Rotation.objects.select_related("from_root", "to_root").filter(kind=Rotation.Kind.ROOT)
    rotation = rotation_now() or last.first()
    due_at = lifetime.root_due_at(root.not_before, root.not_after)
    return RootPage(
        root=root,
        automatic=zone.rotates_by_itself,
        due_at=due_at,
        is_due=due_at <= now,
        rotation=root_rotation(rotation, now=now) if rotation else None,
        blocked=blocked_reason(Rotation.Kind.ROOT, now=now),
        roots=[_trusted(trusted, issues=trusted.pk == root.pk, now=now) for trusted in roots_in_force()],
    )


def _trusted(root: Certificate, *, issues: bool, now: datetime) -> TrustedRoot:
    newest = root.revocation_lists.signed().first()
    return TrustedRoot(root, issues, newest, newest is not None and newest.next_update is not None and newest.next_update < now)


@dataclass(frozen=True)
class KeepChoice:
    """The choice to keep a root until no export has certificates of it."""

    root: Certificate
    text: str


def _keep_choice(root: Certificate, exports: AffectedExports) -> KeepChoice:
    have = plural(exports.total, "has", "have")
    now = (
        f"{exports.count} now {have} certificates of {root.subject}."
        if exports.total
        else f"No export has certificates of {root.subject} now."
    )
    return KeepChoice(root, now)


def _exports_of(root: Certificate | None, *, now: datetime) -> AffectedExports:
    return affected_exports(exports_of_root(root, now=now), filters={"root": str(root.pk)} if root else {})


@dataclass(frozen=True)
class RootRotationPage:
    """The effects of a rotation, before it is confirmed; `blocked` is the reason if it cannot start."""

    old: Certificate
    name: str
    expires_at: datetime
    nodes: AffectedNodes
    cluster: Certificate | None
    exports: AffectedExports
    keep: KeepChoice
    switches_after: str
    blocked: str
    error: str

    @property
    def exports_text(self) -> str:
        return f"{self.exports.count} must be renewed by hand when the new root issues, and the files copied to the machine:"

    @property
    def removal(self) -> str:
        exports = " and the exports are renewed" if self.exports.total else ""
        return f"Then, when the new certificates of every node are verified{exports}:"


def nodes_before_root_rotation(*, now: datetime) -> "QuerySet[Any]":
    """The nodes that a rotation of the root would affect, with the column `blocked`."""
    return with_blocked(nodes_to_reissue(), now=now, further=[SERVES_OLD])


def root_rotation_page(column: Computed, *, error: str, now: datetime) -> RootRotationPage:
    """`column` is the column `blocked` of the nodes."""
    zone, root, call = (
        zone_current(),
        issuing_root(),
        timedelta(seconds=regular_interval(Node.objects.present().count(), limits=call_limits())),
    )
    exports = _exports_of(root, now=now)
    return RootRotationPage(
        old=root,
        name=issue.root_name(zone.name, root_next_number()),
        expires_at=lifetime.validity(now=now, months=zone.lifetime_months, issuer_not_after=None).not_after,
        nodes=affected_nodes(column),
        cluster=cluster_in_force(root),
        exports=exports,
        keep=_keep_choice(root, exports),
        switches_after=clocks.length(call + SETTLE),
        blocked=blocked_reason(Rotation.Kind.ROOT, now=now),
        error=error,
    )


@dataclass(frozen=True)
class RollBackPage:
    """The effects of a rollback, before it is confirmed. `keep` is None if the new root does not exist yet."""

    rotation: Rotation
    nodes: int
    exports: AffectedExports
    keep: KeepChoice | None
    error: str

    @property
    def exports_text(self) -> str:
        return f"{self.exports.count} with certificates of the removed root must be renewed by hand, and the files copied to the machine:"


def nodes_to_roll_back(rotation: Rotation, *, now: datetime) -> "QuerySet[Any]":
    """The nodes that use certificates of the new root, with the column `blocked`."""
    made = Certificate.objects.accepted().filter(issuer=rotation.to_root, kind=Kind.SERVICE).order_by()
    used = observed(Q(service_sha256__in=made.values("sha256"))) if rotation.to_root else Q(pk__in=[])
    return with_blocked(nodes_to_reissue().filter(used), now=now, further=[SERVES_OLD])


def roll_back_page(rotation: Rotation, *, error: str, now: datetime) -> RollBackPage:
    exports, new = _exports_of(rotation.to_root, now=now), rotation.to_root
    nodes = nodes_to_roll_back(rotation, now=now).count()
    return RollBackPage(rotation, nodes, exports, _keep_choice(new, exports) if new else None, error)


@dataclass(frozen=True)
class ExclusionPage:
    """A node to exclude from a rotation."""

    node: Node
    error: str

    @property
    def subtitle(self) -> str:
        return " · ".join(filter(None, [self.node.host_name, ", ".join(self.node.services)]))
