"""The shared parts of root and database key rotations: one at a time, pause and resume, advanced by a worker step by step."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from audit.actors import Actor, system_for
from audit.record import record
from certs.certificates.issuer import issuing_root, rotation_under_way
from certs.errors import ClockDoubtful, RotationRefused, StaleCertificate, StaleDatabaseKey
from certs.models import Certificate, Rotation
from jobs.models import Job
from jobs.services import job_again, job_create, job_finish, job_nudge
from nodes.central.blocked_reason import central_blocked_reason, signing_blocked_reason
from nodes.models import Node, NodeQuerySet, Renewal
from nodes.observation.clock_doubt import clock_believed
from nodes.renewal.services import renewal_ensure
from nodes.states import UNDER_WAY, RenewalStatus
from pki.core.commands import QMC
from pki.core.errors import PKIError
from sealing.errors import ZoneBroken

WAVE = 32  # renewals that wait for their keys: more than workers make between two looks
SELDOM = timedelta(seconds=10)  # while no renewal is in progress: a look at thousands of nodes takes a tenth of a second
POLL, WHILE_PAUSED = timedelta(seconds=2), timedelta(seconds=60)
PERMISSION = {Rotation.Kind.DATABASE_KEY: "certs.rotate_databasekey", Rotation.Kind.ROOT: "certs.rotate_root"}
TASK = {
    Rotation.Kind.DATABASE_KEY: "database-key-rotation",
    Rotation.Kind.ROOT: "root-rotation",
}


def blocked_reason(kind: Rotation.Kind, *, now: datetime) -> str:
    """Why a rotation cannot start or finish now, and what to do first; "" if it can. Raises: ZoneMissing."""
    under_way = rotation_under_way()
    if under_way is not None:
        return f"The {under_way} is in progress. Only one rotation can run at a time. Wait until it has finished."
    try:
        clock_believed(now=now)
        root = issuing_root()
    except (ClockDoubtful, ZoneBroken) as exc:
        return str(exc)
    signs = kind == Rotation.Kind.DATABASE_KEY or now > root.not_after  # a new root signs itself, while the old one is still trusted
    if signs and (blocked_reason := signing_blocked_reason(now=now)):
        return blocked_reason
    blocked_reason = central_blocked_reason(now=now)
    return f"{blocked_reason} First run `{QMC} repair_central` on the central node." if blocked_reason else ""


def rotation_record(
    *, kind: Rotation.Kind, number: int, title: str, actor: Actor, now: datetime, from_root: Certificate | None = None,
    keeps_for_exports: bool = True,
) -> Rotation:  # fmt: skip
    """Create the row, its job and its event. Raises: PermissionRefused, RotationRefused if another rotation is in progress, or this one could not finish."""
    actor.require(PERMISSION[kind])
    if reason := blocked_reason(kind, now=now):
        raise RotationRefused(reason)
    try:
        with transaction.atomic():
            rotation = Rotation.objects.create(
                kind=kind, to_version=number, from_root=from_root, actor=actor.label, created_at=now, keeps_for_exports=keeps_for_exports
            )
            # The previous rotation may have removed that root since it was read.
            if from_root is not None and not Certificate.objects.issued().filter(pk=from_root.pk).exists():
                raise RotationRefused("Another rotation has just finished. Reload the page.")
            detail = {"kind": kind, "number": number, "keeps_for_exports": keeps_for_exports}
            record(actor=actor, action="rotation.started", target=rotation, detail=detail, now=now)
            job_create(task=TASK[kind], subject=rotation.pk, title=title, actor=actor.label, now=now)
    except IntegrityError as exc:
        raise RotationRefused("Another rotation is in progress. Only one rotation can run at a time. Wait until it has finished.") from exc
    return rotation


@transaction.atomic
def rotation_pause(*, actor: Actor, rotation: Rotation, paused: bool, now: datetime) -> None:
    """Pause or resume the rotation. Raises: PermissionRefused, RotationRefused if there is nothing to change."""
    kind = Rotation.Kind(rotation.kind)
    actor.require(PERMISSION[kind])
    if not Rotation.objects.filter(pk=rotation.pk, under_way=True, paused=not paused).update(paused=paused):
        raise RotationRefused(f"This rotation has finished, or is already {'paused' if paused else 'running'}. Reload the page.")
    rotation.refresh_from_db()
    record(actor=actor, action="rotation.paused" if paused else "rotation.resumed", target=rotation, detail={}, now=now)
    job_nudge(task=TASK[kind], subject=rotation.pk, now=now)


def nodes_to_reissue() -> NodeQuerySet:
    """Every node that has certificates of the trust zone, or is being registered: a new root replaces its certificates."""
    nodes: NodeQuerySet = Node.objects.present().filter(Q(registered_at__isnull=False) | Q(state__in=UNDER_WAY))
    return nodes


def nodes_to_rotate() -> NodeQuerySet:
    """Every node that has certificates of the trust zone: it must get a new database key."""
    nodes: NodeQuerySet = Node.objects.present().exclude(registered_at=None)
    return nodes


def renewals_start(rotation: Rotation, ready: QuerySet[Any], *, now: datetime) -> None:
    """Renew nodes of `ready` that have no renewal in progress: so many that workers have enough to do until the next look."""
    room, tried = WAVE - Renewal.objects.filter(status=RenewalStatus.REQUESTED).count(), set[uuid.UUID]()
    free = ready.exclude(pk__in=Renewal.objects.under_way().order_by().values("node")).order_by()
    # A node whose renewal has just failed keeps no other node waiting.
    while room > 0 and (batch := list(free.exclude(pk__in=tried)[:WAVE])):
        for node in batch[:room]:
            room -= renewal_ensure(actor=system_for(rotation.actor), node=node, now=now) is not None
        tried |= {node.pk for node in batch}


def rotation_run(*, job: Job, step: Callable[[Rotation, datetime], timedelta | None], phase: Callable[[Rotation], str]) -> None:
    """Run `step` until the rotation waits or has finished. A problem is recorded in its row."""
    while True:
        now, rotation = timezone.now(), Rotation.objects.select_related("from_root", "to_root").get(pk=job.subject)
        if rotation.finished_at:
            job_finish(job=job, outcome=Job.Outcome.DONE, now=now)
            return
        try:
            wait, problem = WHILE_PAUSED if rotation.paused else step(rotation, now), ""
        except (StaleDatabaseKey, StaleCertificate):
            wait, problem = POLL, ""
        except (ClockDoubtful, ZoneBroken, PKIError) as exc:
            wait, problem = POLL, str(exc)[:500]
        if problem != rotation.problem:
            Rotation.objects.filter(pk=rotation.pk).update(problem=problem)
        if wait is not None:
            job_again(job=job, at=timezone.now() + wait, progress="paused" if rotation.paused else phase(rotation))
            return
