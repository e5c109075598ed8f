"""Rotate the root without downtime: create it, distribute it, issue with it, replace the certificates of every node, remove the old root."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from audit.actors import SYSTEM, Actor, system_for
from audit.record import record
from certs.certificates.issuer import issuing_root
from certs.certificates.revocation_lists import list_ask
from certs.errors import RotationRefused, StaleCertificate
from certs.exports.status import exports_left
from certs.models import Certificate, Export, Rotation
from certs.roots.services import cluster_make, root_drop, root_make, root_next_number
from certs.states import CertificateStatus
from certs.zone.services import zone_current
from jobs.models import Job
from jobs.registry import handles
from jobs.services import job_nudge
from nodes.models import Node, Renewal
from nodes.observation.clock_doubt import clock_believed
from nodes.rotations.root_nodes import Phase, awaited, nodes_in, phase_of
from nodes.rotations.services import PERMISSION, POLL, SELDOM, TASK, renewals_start, rotation_record, rotation_run
from nodes.states import NodeState
from pki.core import lifetime
from pki.core.roles import Kind
from pki.issuing import issue

ROOT = Rotation.Kind.ROOT
# After the last proof: longer than a listener needs to load the roots from its store.
SETTLE = timedelta(seconds=10)


def root_rotation_start(*, actor: Actor, now: datetime, keeps_for_exports: bool = True) -> Rotation:
    """Start a rotation of the root. The old root stays until no export has certificates of it, unless `keeps_for_exports` is False.

    Raises: PermissionRefused, RotationRefused while another rotation is in progress or this one could not finish, ZoneMissing, ZoneBroken.
    """
    zone, number = zone_current(), root_next_number()
    title = f"Rotation of the root to {issue.root_name(zone.name, number)}"
    return rotation_record(
        kind=ROOT, number=number, title=title, actor=actor, now=now, from_root=issuing_root(), keeps_for_exports=keeps_for_exports
    )


PHASES = {
    Phase.MAKING: "making the new root",
    Phase.TRUSTING: "giving the new root to every node",
    Phase.ISSUING: "giving new certificates to every node",
}


@handles(TASK[Rotation.Kind.ROOT])
def root_rotation_advance(*, job: Job) -> None:
    """Advance the rotation until it waits or has finished. Runs in a worker."""
    rotation_run(job=job, step=_step, phase=lambda rotation: PHASES.get(phase_of(rotation), ""))


def _step(rotation: Rotation, now: datetime) -> timedelta | None:
    phase = phase_of(rotation)
    clock_believed(now=now)
    if phase == Phase.MAKING:
        return _make(rotation, now)
    nodes = nodes_in(rotation)
    if phase == Phase.ISSUING:
        _make_cluster(rotation, now)  # after a roll back
        # A node that is silent or being registered is renewed when it calls.
        ready = nodes.filter(state=NodeState.REGISTERED, trusts=True, outdated=True, observation__silent_at__gt=now)
        renewals_start(rotation, ready, now=now)
    waiting = awaited(nodes, rotation, phase).exists() or (phase == Phase.ISSUING and exports_awaited(rotation, now=now).exists())
    return _when_settled(rotation, phase, waiting, now)


def exports_awaited(rotation: Rotation, *, now: datetime) -> "QuerySet[Export]":
    """Exports that keep the old root: they have no newer certificates, and are refused when it is removed.

    A root that expires soon is not kept.
    """
    root = rotation.from_root
    keeps = root is not None and rotation.keeps_for_exports and can_go_back_to(root, now)
    return exports_left(root, now=now) if root is not None and keeps else Export.objects.none()


def _when_settled(rotation: Rotation, phase: Phase, waiting: bool, now: datetime) -> timedelta | None:
    mine = Rotation.objects.filter(pk=rotation.pk, under_way=True, paused=False, to_root=rotation.to_root, switched_at=rotation.switched_at)
    if waiting or rotation.settled_at is None or rotation.settled_at > now:  # the clock was set back
        mine.update(settled_at=None if waiting else now)
        return SELDOM if waiting and phase == Phase.ISSUING and not Renewal.objects.under_way().exists() else POLL
    if (left := rotation.settled_at + SETTLE - now) > timedelta(0):
        return min(left, POLL)
    if phase == Phase.ISSUING:
        _drop(rotation, mine, now)
    else:
        _make_cluster(rotation, now)  # before the switch, so that no package has the old cluster certificate with new leaf certificates
        _switch(rotation, mine, now)
    return timedelta(0)


def _make_cluster(rotation: Rotation, now: datetime) -> None:
    assert rotation.to_root is not None
    cluster_make(zone=zone_current(), root=rotation.to_root, actor=system_for(rotation.actor), now=now)


def _make(rotation: Rotation, now: datetime) -> timedelta | None:
    def raise_if_canceled() -> None:
        if not Rotation.objects.select_for_update().filter(pk=rotation.pk, under_way=True).exists():
            raise StaleCertificate("the rotation was rolled back in the meantime")

    actor = system_for(rotation.actor)
    root = root_make(zone=zone_current(), number=rotation.to_version, actor=actor, now=now, raise_if_canceled=raise_if_canceled)
    with transaction.atomic():
        Rotation.objects.filter(pk=rotation.pk, to_root=None).update(to_root=root)
        list_ask(root=root, now=now)
    return None


@transaction.atomic
def _switch(rotation: Rotation, mine: Any, now: datetime) -> None:
    if mine.update(switched_at=now, settled_at=None):
        assert rotation.to_root is not None
        detail = {"root": rotation.to_root.subject, "sha256": rotation.to_root.sha256}
        record(actor=SYSTEM, action="rotation.switched", target=rotation, detail=detail, now=now)


@transaction.atomic
def _drop(rotation: Rotation, mine: Any, now: datetime) -> None:
    if not mine.update(under_way=None, finished_at=now, settled_at=None):
        return
    assert rotation.to_root is not None
    assert rotation.from_root is not None
    root_drop(root=rotation.from_root, reason=f"{rotation.to_root.subject} has taken over", now=now)
    detail = {"dropped": rotation.from_root.subject, "excluded": [exclusion["name"] for exclusion in rotation.excluded]}
    record(actor=SYSTEM, action="rotation.finished", target=rotation, detail=detail, now=now)


def can_go_back_to(root: Certificate | None, now: datetime) -> bool:
    """Whether the root is valid long enough to issue again."""
    return root is not None and root.not_after - now > lifetime.SHORTEST_GAIN


@transaction.atomic
def root_rotation_roll_back(*, actor: Actor, rotation: Rotation, now: datetime, keeps_for_exports: bool = True) -> None:
    """Roll the rotation back: the old root issues again, then the new one is removed. Possible until the old root is removed.

    The new root stays until no export has certificates of it, unless `keeps_for_exports` is False.

    Raises: PermissionRefused, RotationRefused.
    """
    actor.require(PERMISSION[ROOT])
    row = Rotation.objects.select_for_update().filter(pk=rotation.pk, kind=ROOT, under_way=True, rolled_back=False).first()
    if row is None:
        raise RotationRefused("This rotation has finished, or was already rolled back. Reload the page.")
    if not can_go_back_to(row.from_root, now):
        raise RotationRefused(
            f"{row.from_root.subject if row.from_root else 'The old root'} expires too soon for a rollback. Let the rotation finish."
        )
    made = Certificate.objects.filter(kind=Kind.ROOT, generation=row.to_version)
    if made.filter(status=CertificateStatus.ISSUING).exists():
        raise RotationRefused("The new root is being signed now. Try again in a few seconds.")
    new, row.rolled_back, row.settled_at, row.paused = row.to_root or made.issued().first(), True, None, False
    row.keeps_for_exports = keeps_for_exports
    row.excluded = []  # a person decides again which nodes to exclude
    if new is None:
        row.under_way, row.finished_at = None, now
    else:
        row.from_root, row.to_root, row.switched_at = new, row.from_root, now
    row.save()
    record(actor=actor, action="rotation.rolled_back", target=row, detail={"dropped": new.subject if new else None}, now=now)
    job_nudge(task=TASK[ROOT], subject=row.pk, now=now)
    rotation.refresh_from_db()


@transaction.atomic
def root_rotation_exclude(*, actor: Actor, rotation: Rotation, node: Node, reason: str, now: datetime) -> None:
    """Exclude `node`: the rotation does not wait for it, and a redistribution brings it back later. Raises: PermissionRefused, RotationRefused."""
    actor.require(PERMISSION[ROOT])
    row = Rotation.objects.select_for_update().filter(pk=rotation.pk, kind=ROOT, under_way=True).first()
    if row is None:
        raise RotationRefused("This rotation has finished. Reload the page.")
    if node.is_central:
        raise RotationRefused("The central node cannot be excluded, because it issues the certificates of the other nodes.")
    if any(exclusion["id"] == str(node.pk) for exclusion in row.excluded):
        raise RotationRefused(f"{node} is already excluded.")
    row.excluded = [*row.excluded, {"id": str(node.pk), "name": node.name, "reason": reason, "actor": actor.label, "at": now.isoformat()}]
    row.save(update_fields=["excluded"])
    record(actor=actor, action="rotation.excluded", target=row, detail={"node": node.name, "reason": reason}, now=now)
    job_nudge(task=TASK[ROOT], subject=row.pk, now=now)
    rotation.refresh_from_db()
