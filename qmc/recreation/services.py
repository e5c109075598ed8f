"""Recreate the root after a disaster: back up, make a new root, and register every node again with a password. docs/develop/architecture.md has the steps."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Q
from django.utils import timezone

from agent.files import make_folder, undone_on_error
from attention.once import once
from audit.actors import SYSTEM, Actor, system_for
from audit.models import Event
from audit.record import record
from backups.archive import BackupError
from backups.backup import backup_make, backup_verify
from certs.certificates.issuer import issuing_root
from certs.certificates.revocation_lists import list_ask
from certs.models import Certificate, Rotation, TrustZone
from certs.roots.services import cluster_make, orphans_revoke, root_make, root_next_number, roots_revoke
from certs.states import CertificateStatus
from certs.zone.services import zone_current
from jobs.models import Job
from jobs.registry import Retry, handles
from jobs.services import job_again, job_create, job_finish
from nodes.central.services import CentralBusy, central_alone, central_clean, central_install, central_next, central_settle
from nodes.errors import NodesError
from nodes.inventory.models import NodeQuerySet
from nodes.models import Node
from nodes.registration.services import registration_fail
from nodes.renewal.services import renewals_end
from nodes.states import UNDER_WAY, NodeState
from pki.core.errors import PKIError
from sealing.errors import TrustZoneError
from sealing.local_keys import own_fingerprints, own_store
from storage.data_directory import secret_file

TASK = "root-recreation"
TITLE = "Recreation of the root"
PERMISSION = "certs.recreate_root"
ASKED, RECREATED, COMPLETED = "root.recreation_asked", "root.recreated", "root.recreation_completed"
REASON = "The root was recreated."
REDISTRIBUTE = f"{REASON} Press Redistribute, then type the new password on the node."
POLL = timedelta(seconds=5)


class RecreationRefused(Exception):
    """The root cannot be recreated now: what happened, why, and what to do next. Nothing was changed."""


@dataclass(frozen=True)
class Copy:
    """The backup that was made first."""

    file: Path
    passphrase_file: Path


def recreation_named(trust_zone: str) -> TrustZone:
    """The trust zone, if `name` is its name. Raises: RecreationRefused, ZoneMissing."""
    zone = zone_current()
    if trust_zone.strip() != zone.name:
        raise RecreationRefused(f"That is not the name of this trust zone. Nothing was changed. Type {zone.name} to recreate its root.")
    return zone


def recreation_ask(*, actor: Actor, trust_zone: str, now: datetime) -> Job:
    """Request a recreation from the console. A worker does it. Raises: PermissionRefused, RecreationRefused, ZoneMissing."""
    actor.require(PERMISSION)
    zone = recreation_named(trust_zone)
    with transaction.atomic():
        if unfinished(zone) is not None:
            raise RecreationRefused("A recreation of the root is already in progress. Open its page to see the progress.")
        record(actor=actor, action=ASKED, target=zone, detail={}, now=now)
        return job_create(task=TASK, subject=zone.pk, title=TITLE, actor=actor.label, now=now)


@once
def last_job(zone: TrustZone) -> Job | None:
    """The recreation that is under way, or the last one."""
    return Job.objects.filter(task=TASK, subject=zone.pk).order_by(F("finished_at").desc(nulls_first=True)).first()


def unfinished(zone: TrustZone) -> Job | None:
    job = last_job(zone)
    return job if job is not None and not job.outcome else None


def is_past_the_point(job: Job) -> bool:
    """Whether the new root is in force. From then on, a recreation can only be completed."""
    last = Event.objects.for_target(job.subject).filter(action__in=[ASKED, RECREATED]).first()
    return last is not None and last.action == RECREATED


@handles(TASK)
def recreation_advance(*, job: Job) -> None:
    """Do all steps, or complete an interrupted run. Runs in a worker. A failure before the new root is in force has changed nothing.

    It takes longer than the job's lease. Other workers that claim the job find the recreation busy. It then finishes the job under its current claim.
    """
    try:
        with central_alone():
            if (own := unfinished(TrustZone.objects.get(pk=job.subject))) is not None and own.pk == job.pk:
                _advance(job)
    except CentralBusy as exc:
        raise Retry(str(exc), after=POLL) from exc


def _advance(job: Job) -> None:
    zone = TrustZone.objects.get(pk=job.subject)
    try:
        _recreate(zone, settings.QMC_DATA_DIR / "backups", None, system_for(job.actor), timezone.now())
    except (RecreationRefused, BackupError, TrustZoneError, NodesError, PKIError, OSError) as exc:
        claimed = Job.objects.get(pk=job.pk)
        if is_past_the_point(job):
            job_again(job=claimed, at=timezone.now() + POLL, progress=str(exc))
        else:
            job_finish(job=claimed, outcome=Job.Outcome.FAILED, now=timezone.now(), error=str(exc))


def root_recreate(*, trust_zone: str, folder: Path, passphrase_file: Path | None = None, actor: Actor, now: datetime) -> Copy | None:
    """Back up into `folder`, put a new root into force, issue certificates for the central node, and make every other node wait for a password.

    A run that was interrupted with the new root in force is completed without another backup, and None is returned. The backup's passphrase
    is read from `passphrase_file`, which is made if it is missing. By default it is beside the root passphrase.
    Raises: PermissionRefused, RecreationRefused, BackupError, TrustZoneError, NodesError, PKIError, OSError.
    """
    actor.require(PERMISSION)
    zone = recreation_named(trust_zone)
    with central_alone():
        return _recreate(zone, folder, passphrase_file, actor, now)


def _recreate(zone: TrustZone, folder: Path, passphrase_file: Path | None, actor: Actor, now: datetime) -> Copy | None:
    _refuse_elsewhere()
    job, copy = unfinished(zone), None
    if job is None or not is_past_the_point(job):
        copy = _back_up(folder, passphrase_file, actor, now)
        _replace(zone, copy, actor, now)
    _complete(zone, actor, now)
    return copy


def _refuse_elsewhere() -> None:
    if own_store().node != str(Node.objects.get(is_central=True).pk):
        raise RecreationRefused("This is not the central node. Nothing was changed. Run the command on the central node.")


def _back_up(folder: Path, passphrase_file: Path | None, actor: Actor, now: datetime) -> Copy:
    name = f"before-recreate-{now:%Y-%m-%dT%H%M%SZ}"
    copy = Copy(folder.absolute() / f"{name}.age", passphrase_file or settings.SECRETS_DIR / f"{name}.passphrase")
    try:
        with undone_on_error(copy.file, copy.passphrase_file):
            make_folder(folder)
            secret = secret_file(copy.passphrase_file).read_text().rstrip("\r\n")
            backup_make(file=copy.file, passphrase=secret, actor=actor, now=now)
            backup_verify(file=copy.file, passphrase=secret, actor=actor, now=now)
    except (BackupError, TrustZoneError, PKIError, OSError) as exc:
        raise BackupError(f"The root was not recreated, because the backup failed. Nothing was changed. {exc}") from exc
    return copy


def _replace(zone: TrustZone, copy: Copy, actor: Actor, now: datetime) -> None:
    """Replace everything of the old root, in the transaction that puts the new root into force."""

    def take_over(root: Certificate) -> None:
        _rotation_end(actor, now)
        replaced = list(Certificate.objects.issued().filter(kind="root").exclude(pk=root.pk).values_list("subject", flat=True))
        ended = roots_revoke(but=root, reason=REASON, actor=SYSTEM, now=now)
        nodes = _nodes_fail(now)
        list_ask(root=root, now=now)
        if unfinished(zone) is None:
            job_create(task=TASK, subject=zone.pk, title=TITLE, actor=actor.label, now=now)
        detail = {"root": root.subject, "sha256": root.sha256, "replaced": replaced, "certificates": ended, "nodes": nodes}
        places = {"backup": str(copy.file), "passphrase_file": str(copy.passphrase_file)}
        record(actor=actor, action=RECREATED, target=zone, detail=detail | places, now=now)

    root_make(zone=zone, number=root_next_number(), actor=actor, now=now, once_issued=take_over)


def _rotation_end(actor: Actor, now: datetime) -> None:
    """Finish a rotation of the root, because there is nothing left to rotate. A rotation of the database key continues when its nodes call again."""
    for rotation in Rotation.objects.filter(kind=Rotation.Kind.ROOT, under_way=True):
        Rotation.objects.filter(pk=rotation.pk).update(under_way=None, finished_at=now, problem=REASON)
        record(actor=actor, action="rotation.ended", target=rotation, detail={"reason": REASON}, now=now)


HOLDS = Q(state__in=[NodeState.REGISTERED, *UNDER_WAY]) | Q(state=NodeState.FAILED, registered_at__isnull=False)


def nodes_touched() -> NodeQuerySet:
    """Every node, except the central node, that has certificates of the trust zone or is about to get them."""
    return Node.objects.filter(HOLDS, is_central=False)


def nodes_counted() -> tuple[int, int]:
    """The number of these nodes, and of the other nodes besides the central node. One query."""
    others = Node.objects.present().filter(is_central=False).order_by()
    found = others.aggregate(touched=Count("pk", filter=HOLDS), all=Count("pk"))
    return found["touched"], found["all"] - found["touched"]


def _nodes_fail(now: datetime) -> list[dict[str, str]]:
    touched = list(nodes_touched().select_for_update())
    for node in touched:
        if node.state == NodeState.FAILED:
            continue  # keep its own reason; the remedy is the same
        renewals_end(node, reason=REASON, actor=SYSTEM, now=now)
        registration_fail(node=node, reason=REDISTRIBUTE, now=now)
    return [{"id": str(node.pk), "name": node.name} for node in touched]


def _complete(zone: TrustZone, actor: Actor, now: datetime) -> None:
    """Install the certificates of the new root on the central node, and remove all others. A second call changes nothing."""
    with transaction.atomic():
        orphans_revoke(reason=REASON, actor=SYSTEM, now=now)  # certificates that were signed at the same moment
    cluster_make(zone=zone, root=issuing_root(), actor=actor, now=now)
    in_force = Certificate.objects.issued().filter(sha256__in=own_fingerprints(), issuer__status=CertificateStatus.ISSUED)
    if in_force.count() != len(own_fingerprints()):
        central_install(central_next(reason=REASON, now=now), now=now)
    central_settle(now=now)
    central_clean()
    with transaction.atomic():
        record(actor=actor, action=COMPLETED, target=zone, detail={"root": issuing_root().subject}, now=now)
        if (job := unfinished(zone)) is not None:
            job_finish(job=job, outcome=Job.Outcome.DONE, now=now)
