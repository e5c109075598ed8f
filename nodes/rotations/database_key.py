"""Rotate the database key of the site: create it with the central node's next certificate, deliver it, verify it, re-encrypt, retire the old one."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, TextField
from django.db.models.functions import Cast

from audit.actors import SYSTEM, Actor, system_for
from audit.record import record
from certs.certificates.services import certificate_transition
from certs.database_key.services import database_key_transition, reencrypt
from certs.errors import StaleDatabaseKey
from certs.models import CentralKey, Certificate, DatabaseKey, Rotation
from certs.states import CertificateStatus, DatabaseKeyStatus
from jobs.models import Job
from jobs.registry import handles
from nodes.models import Node, NodeQuerySet, Renewal
from nodes.renewal.services import renewal_ensure
from nodes.rotations.services import POLL, TASK, nodes_to_rotate, renewals_start, rotation_record, rotation_run
from nodes.states import UNDER_WAY, NodeState
from pki.core.database_key import ALGORITHM
from pki.core.roles import Kind
from sealing.local_keys import key_ring

AT_A_STRETCH = timedelta(seconds=5)  # of re-encryption, before other work continues
# After the last row: longer than any transaction that still encrypts with the old key.
SETTLE = timedelta(seconds=60)


@transaction.atomic
def key_rotation_start(*, actor: Actor, now: datetime) -> Rotation:
    """Start a rotation of the database key. Raises: PermissionRefused, RotationRefused while another rotation is in progress."""
    number = (DatabaseKey.objects.order_by("-version").values_list("version", flat=True).first() or 0) + 1
    title = f"Rotation of the database key to version {number}"
    rotation = rotation_record(kind=Rotation.Kind.DATABASE_KEY, number=number, title=title, actor=actor, now=now)
    DatabaseKey.objects.create(version=number, algorithm=ALGORITHM, created_at=now, status_since=now)
    return rotation


def proved_at(node: Node, version: DatabaseKey) -> str | None:
    """When the node last decrypted a challenge with `version`, RFC 3339."""
    seen = node.observed
    return seen.proved.get(version.key_id) if seen and version.key_id else None


def lacking(version: DatabaseKey) -> NodeQuerySet:
    """The nodes that have not proved that they have `version`, or whose registration is in progress."""
    proved = Q(observation__proved__has_key=version.key_id) if version.key_id else Q(pk__in=[])
    nodes: NodeQuerySet = nodes_to_rotate().filter(Q(state__in=UNDER_WAY) | Q(observation__isnull=True) | ~proved)
    return nodes


def _version(rotation: Rotation) -> DatabaseKey:
    return DatabaseKey.objects.get(version=rotation.to_version)


PHASES = {
    DatabaseKeyStatus.PREPARED: "giving the new key to the central node",
    DatabaseKeyStatus.DELIVERED: "giving the new key to every node",
    DatabaseKeyStatus.WRITING: "encrypting all values with the new key",
}


@handles(TASK[Rotation.Kind.DATABASE_KEY])
def key_rotation_advance(*, job: Job) -> None:
    """Advance the rotation until it waits or has finished. Runs in a worker."""
    rotation_run(job=job, step=_step, phase=lambda rotation: PHASES.get(DatabaseKeyStatus(_version(rotation).status), ""))


def _step(rotation: Rotation, now: datetime) -> timedelta | None:
    steps = {
        DatabaseKeyStatus.PREPARED: _begin, DatabaseKeyStatus.DELIVERED: _deliver, DatabaseKeyStatus.WRITING: _reencrypt,
    }  # fmt: skip
    version = _version(rotation)
    return steps[DatabaseKeyStatus(version.status)](rotation, version, now)


def _begin(rotation: Rotation, version: DatabaseKey, now: datetime) -> timedelta | None:
    central = Node.objects.select_related("observation").get(is_central=True)
    if version.key_id is None:
        renewal_ensure(actor=system_for(rotation.actor), node=central, now=now)
    elif proved_at(central, version):
        reason = "the central node has it"
        database_key_transition(version=version, to=DatabaseKeyStatus.DELIVERED, reason=reason, actor=SYSTEM, now=now)
        return None
    elif _lost(central, version):
        DatabaseKey.objects.filter(pk=version.pk, status=DatabaseKeyStatus.PREPARED).update(key_id=None)
        return None
    return POLL


def _lost(central: Node, version: DatabaseKey) -> bool:
    """Whether the new key was only in a certificate of the central node that was never used."""
    coming = Renewal.objects.filter(node=central).under_way().exists()
    held = central.observed.database_keys if central.observed else []
    return not coming and version.key_id not in held and version.key_id not in key_ring().keys


def _deliver(rotation: Rotation, version: DatabaseKey, now: datetime) -> timedelta | None:
    if _bring(rotation, version, now):
        return POLL
    with transaction.atomic():
        old = DatabaseKey.objects.get(status=DatabaseKeyStatus.WRITING)
        database_key_transition(version=old, to=DatabaseKeyStatus.READING, reason=f"{version} takes over", actor=SYSTEM, now=now)
        reason = "every node has it"
        database_key_transition(version=version, to=DatabaseKeyStatus.WRITING, reason=reason, actor=SYSTEM, now=now)
    return None


def _bring(rotation: Rotation, version: DatabaseKey, now: datetime) -> bool:
    """Renew the nodes that do not have `version` yet. Returns whether a node has not proved it."""
    waiting = lacking(version)
    # A node that has the key proves it with its next heartbeat; a silent node gets it when it calls again.
    ready = waiting.annotate(reported=Cast("observation__database_keys", TextField())).exclude(reported__contains=version.key_id or "")
    renewals_start(rotation, ready.filter(state=NodeState.REGISTERED, observation__silent_at__gt=now), now=now)
    return waiting.exists()


def _reencrypt(rotation: Rotation, version: DatabaseKey, now: datetime) -> timedelta | None:
    walked = reencrypt(version=version, until=now + AT_A_STRETCH)
    if not walked.complete:
        return timedelta(0)
    settled = min(rotation.settled_at, now) if rotation.settled_at and not walked.moved else None  # the clock may have been set back
    Rotation.objects.filter(pk=rotation.pk).update(unreadable=walked.unreadable, settled_at=settled or now)
    waiting = _bring(rotation, version, now)
    # On a site with a new central key, values for the central node are still encrypted with older versions.
    if settled is None or now - settled < SETTLE or waiting or not CentralKey.objects.ever_finished():
        return POLL
    _retire(rotation, version, now)
    return None


@transaction.atomic
def _retire(rotation: Rotation, version: DatabaseKey, now: datetime) -> None:
    """Retire the older versions: nothing is encrypted with them, and every node has the new one. Raises: StaleDatabaseKey if another worker was first."""
    if not Rotation.objects.filter(pk=rotation.pk, under_way=True).update(under_way=None, finished_at=now):
        raise StaleDatabaseKey(f"{rotation} has just finished")
    renewed = Certificate.objects.issued().filter(kind=Kind.SERVICE, database_key_version=version.version)
    Certificate.objects.issued().filter(kind=Kind.SERVICE, database_key_version__lt=version.version).lock()
    for old in DatabaseKey.objects.filter(status=DatabaseKeyStatus.READING, version__lt=version.version):
        reason = f"{version} has taken over"
        database_key_transition(version=old, to=DatabaseKeyStatus.RETIRED, reason=reason, actor=SYSTEM, now=now)
        # A node that is being registered with an older package keeps the certificates that it will call with.
        held = Certificate.objects.issued().filter(kind=Kind.SERVICE, database_key_version=old.version)
        for certificate in held.filter(holder_id__in=renewed.values("holder_id")):
            reason = f"{old} is retired"
            certificate_transition(certificate=certificate, to=CertificateStatus.SUPERSEDED, reason=reason, actor=SYSTEM, now=now)
    record(actor=SYSTEM, action="rotation.finished", target=rotation, detail={"version": version.version}, now=now)
