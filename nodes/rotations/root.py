"""Rotate the root without downtime: create it, distribute it, issue with it, replace the certificates of every node, remove the old root."""

import uuid
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
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
from nodes.models import Node, Registration, Renewal
from nodes.observation.clock_doubt import clock_believed
from nodes.renewal.services import renewal_ensure
from nodes.rotations.services import PERMISSION, POLL, TASK, rotation_record, rotation_run
from nodes.states import UNDER_WAY, NodeState
from pki.core import lifetime
from pki.core.roles import OWN_KINDS, Kind
from pki.issuing import issue

ROOT = Rotation.Kind.ROOT
# After the last proof: longer than a listener needs to load the roots from its store.
SETTLE = timedelta(seconds=10)


class Phase(StrEnum):
    """The phase of a rotation of the root: computed, never stored."""

    MAKING = "making"
    TRUSTING = "trusting"
    ISSUING = "issuing"
    FINISHED = "finished"


def phase_of(rotation: Rotation) -> Phase:
    if rotation.finished_at:
        return Phase.FINISHED
    if rotation.to_root_id is None:
        return Phase.MAKING
    return Phase.ISSUING if rotation.switched_at else Phase.TRUSTING


@dataclass(frozen=True)
class NodeProgress:
    """The progress of one node. `presents` means that it serves a certificate of the new root and called with one."""

    node: Node
    trusts: bool
    presents: bool
    outdated: bool
    excluded: dict[str, str] | None

    def is_awaited(self, phase: Phase) -> bool:
        """Whether the rotation waits for this node in `phase`."""
        return self.excluded is None and not (self.presents if phase == Phase.ISSUING else self.trusts)


def root_rotation_start(*, actor: Actor, now: datetime, keeps_for_exports: bool = True) -> Rotation:
    """Start a rotation of the root. The old root stays until no export has certificates of it, unless `keeps_for_exports` is False.

    Raises: PermissionRefused, RotationRefused while another rotation is in progress or this one could not finish, ZoneMissing, ZoneBroken.
    """
    zone, number = zone_current(), root_next_number()
    title = f"Rotation of the root to {issue.root_name(zone.name, number)}"
    return rotation_record(
        kind=ROOT, number=number, title=title, actor=actor, now=now, from_root=issuing_root(), keeps_for_exports=keeps_for_exports
    )


def nodes_progress(rotation: Rotation) -> list[NodeProgress]:
    """The progress of every node that has certificates of the trust zone, or is being registered."""
    nodes = [node for node in Node.objects.present().select_related("observation") if node.registered_at or node.state in UNDER_WAY]
    own: dict[uuid.UUID, list[Certificate]] = defaultdict(list)
    for certificate in Certificate.objects.issued().besides_exports().filter(kind__in=OWN_KINDS).defer("der", "sealed_private_key"):
        own[certificate.holder_id or uuid.UUID(int=0)].append(certificate)
    gone = Certificate.objects.accepted().besides_exports().filter(issuer=rotation.from_root, kind=Kind.SERVICE)
    leaving = set(gone.values_list("sha256", flat=True))
    begun = {
        (registration.node_id, registration.generation): registration.created_at
        for registration in Registration.objects.filter(node__in=nodes)
    }
    excluded = {exclusion["id"]: exclusion for exclusion in rotation.excluded}
    return [
        _node_progress(node, rotation.to_root, own[node.pk], leaving, begun.get((node.pk, node.generation)), excluded.get(str(node.pk)))
        for node in nodes
    ]


def _node_progress(
    node: Node,
    root: Certificate | None,
    own: list[Certificate],
    leaving: set[str],
    ceremony: datetime | None,
    excluded: dict[str, str] | None,
) -> NodeProgress:
    """`leaving` are the service certificates of the old root: no service of the node may still present one."""
    if root is None:
        return NodeProgress(node, trusts=False, presents=False, outdated=False, excluded=excluded)
    seen, under_way, known = node.observed, node.state in UNDER_WAY, node.registered_at is not None
    trusts = seen is not None and root.sha256 in seen.trusts
    if under_way:  # the package counts too: an older package would remove the trust
        # Before its lease expired, the root may not have been signed when the package was made.
        trusts = ceremony is not None and ceremony >= root.lease_until and (trusts or not known)
    if under_way:
        coming = [certificate for certificate in own if certificate.generation == node.generation]
        presents, outdated = not known and bool(coming) and all(certificate.issuer_id == root.pk for certificate in coming), False
    else:
        in_force = {certificate.sha256 for certificate in own}
        outdated = (
            any(certificate.issuer_id != root.pk for certificate in own) or seen is None or seen.installed.get("service") not in in_force
        )
        serves = (
            seen is not None and (not seen.listening or seen.served.get("service") in in_force) and not leaving & {*seen.served.values()}
        )
        presents = node.state == NodeState.REGISTERED and bool(own) and not outdated and serves
    return NodeProgress(node, trusts, presents, outdated, excluded)


@handles(TASK[Rotation.Kind.ROOT])
def root_rotation_advance(*, job: Job) -> None:
    """Advance the rotation until it waits or has finished. Runs in a worker."""
    rotation_run(job=job, step=_step, phase=phase_of)


def _step(rotation: Rotation, now: datetime) -> timedelta | None:
    phase = phase_of(rotation)
    clock_believed(now=now)
    if phase == Phase.MAKING:
        return _make(rotation, now)
    found = nodes_progress(rotation)
    if phase == Phase.ISSUING:
        _reissue(rotation, found, now)
    waiting = any(progress.is_awaited(phase) for progress in found) or (
        phase == Phase.ISSUING and exports_awaited(rotation, now=now).exists()
    )
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
        return POLL
    if now - rotation.settled_at < SETTLE:
        return POLL
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


def _reissue(rotation: Rotation, found: list[NodeProgress], now: datetime) -> None:
    _make_cluster(rotation, now)  # after a roll back
    busy = set(Renewal.objects.under_way().values_list("node_id", flat=True))
    for progress in found:
        # A node that is silent or being registered is renewed when it calls.
        ready = progress.trusts and progress.node.state == NodeState.REGISTERED and progress.node.online(now)
        if progress.outdated and ready and progress.node.pk not in busy:
            renewal_ensure(actor=system_for(rotation.actor), node=progress.node, now=now)


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
