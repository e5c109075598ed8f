"""Make and rotate the central key, and encrypt all values that only the central node needs with its newest version. docs/develop/architecture.md has the steps."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils import timezone

from audit.actors import SYSTEM, Actor
from audit.models import Event
from audit.record import record
from certs.errors import IllegalTransition, StaleCentralKey
from certs.models import CentralKey, DatabaseKey, TrustZone
from certs.states import CENTRAL_KEY_TRANSITIONS, CentralKeyStatus
from jobs.models import Job
from jobs.registry import handles
from jobs.services import job_again, job_create, job_finish
from pki.core.errors import PKIError
from pki.core.sealing import SealingKey
from sealing import central_key_file as central_file
from sealing.central_key_file import central_keys, central_keys_write
from sealing.errors import TrustZoneError, ZoneBroken, ZoneMissing
from sealing.fields import Readers
from sealing.free_pages import free_pages_scrub
from sealing.local_keys import key_ring
from sealing.walk import sealed_counts, walk

PERMISSION = "certs.rotate_databasekey"
TASK = "central-key-resealing"
AT_A_STRETCH = timedelta(seconds=5)  # of re-encryption, before other work gets a turn
POLL = timedelta(seconds=5)
# After the last row. Longer than any transaction that still encrypts with an older key.
SETTLE = timedelta(seconds=60)


def resealing_is_finished() -> bool:
    """Whether all values of the central node are encrypted with the current central key, and the earlier keys are removed."""
    return CentralKey.objects.filter(status=CentralKeyStatus.WRITING).exclude(finished_at=None).exists()


@transaction.atomic
def central_key_transition(*, version: CentralKey, to: CentralKeyStatus, reason: str, actor: Actor, now: datetime) -> Event:
    """Move `version` to `to`. Raises: IllegalTransition, StaleCentralKey (another worker was first)."""
    old = CentralKeyStatus(version.status)
    if to not in CENTRAL_KEY_TRANSITIONS[old]:
        raise IllegalTransition(f"{version}: {old} → {to} is not possible")
    if not CentralKey.objects.filter(pk=version.pk, status=old).update(status=to, status_since=now):
        raise StaleCentralKey(f"{version} has just changed")
    version.refresh_from_db()
    detail = {"from": old, "to": to, "reason": reason, "version": version.version, "key_id": version.key_id}
    return record(actor=actor, action="central_key.transition", target=version, detail=detail, now=now)


@transaction.atomic
def central_key_found(*, now: datetime) -> CentralKey:
    """Make the first version during `init`. There are no encrypted values yet. Raises: ZoneBroken, OSError."""
    version = _make(now)
    CentralKey.objects.filter(pk=version.pk).update(settled_at=now, finished_at=now)
    return version


@transaction.atomic
def central_key_ensure(*, now: datetime) -> None:
    """Ensure that there is a central key. A site that never had one gets a new key, and a job re-encrypts its values.

    Raises: ZoneBroken if its file is missing, damaged or of another site, because a new key never replaces it. OSError.
    """
    TrustZone.objects.select_for_update().get()
    version = CentralKey.objects.writing() or _make(now)
    central_keys_proved()
    _drop_retired()
    if version.finished_at is None:
        _job(version, SYSTEM, now)


@transaction.atomic
def central_key_prepare(*, actor: Actor, now: datetime) -> str:
    """Write the next key into the file without using it, so that the file can be copied to other machines first. Returns its key id.

    An already prepared key is kept. Raises: PermissionRefused, ZoneMissing, ZoneBroken, OSError.
    """
    actor.require(PERMISSION)
    _in_force()
    keys, known = central_keys_proved(), set(CentralKey.objects.values_list("key_id", flat=True))
    prepared = next((key_id for key_id in keys if key_id not in known), None)
    if prepared is None:
        key = SealingKey.generate()
        prepared = key.key_id.hex()
        central_keys_write({prepared: key} | keys)
    return prepared


@transaction.atomic
def central_key_rotate(*, actor: Actor, now: datetime) -> Job:
    """Encrypt new values with a new key from now on. The returned job re-encrypts all others. An unfinished rotation continues, without another key.

    Raises: PermissionRefused, ZoneMissing, ZoneBroken, OSError.
    """
    actor.require(PERMISSION)
    version = _in_force()
    if version.finished_at is not None:
        _drop_retired()
        key_id = central_key_prepare(actor=actor, now=now)
        reason = "another key replaces it"
        central_key_transition(version=version, to=CentralKeyStatus.READING, reason=reason, actor=actor, now=now)
        version = CentralKey.objects.create(version=version.version + 1, key_id=key_id, created_at=now, status_since=now)
        record(actor=actor, action="central_key.rotated", target=version, detail={"version": version.version, "key_id": key_id}, now=now)
    central_keys_proved()
    return _job(version, actor, now)


def _in_force() -> CentralKey:
    """The current version. The row of the trust zone is locked, so that one process at a time changes the file. Raises: ZoneMissing."""
    TrustZone.objects.select_for_update().first()
    version = CentralKey.objects.writing()
    if version is None:
        raise ZoneMissing
    return version


def central_keys_proved() -> dict[str, SealingKey]:
    """The keys in the file, if every version in use is among them. Raises: ZoneBroken."""
    keys = central_keys()
    if missing := [str(central_key) for central_key in CentralKey.objects.live() if central_key.key_id not in keys]:
        strange = keys.keys() - set(CentralKey.objects.values_list("key_id", flat=True))
        why = "The file has a key that the database does not know: it belongs to another site, or an older database was restored. " * bool(
            strange
        )
        raise ZoneBroken(
            f"{', '.join(missing)} is not in the central key file {settings.CENTRAL_KEY_FILE}, but values are encrypted with it. "
            f"{why}{central_file.WAY_OUT}"
        )
    return keys


def _make(now: datetime) -> CentralKey:
    """Make the first version, with a key that is already in the file, or with a new one. The file is written before the key is used."""
    if not central_file.is_there():
        key = SealingKey.generate()
        central_keys_write({key.key_id.hex(): key})
    key_id = next(iter(central_keys()))
    version = CentralKey.objects.create(version=1, key_id=key_id, created_at=now, status_since=now)
    record(actor=SYSTEM, action="central_key.made", target=version, detail={"version": 1, "key_id": key_id}, now=now)
    return version


def _job(version: CentralKey, actor: Actor, now: datetime) -> Job:
    title = f"Encryption with {version}"
    return job_create(task=TASK, subject=version.pk, title=title, actor=actor.label, now=now)


def _drop_retired() -> None:
    """Remove retired versions from the file. The caller has locked the row of the trust zone."""
    retired, keys = set(CentralKey.objects.filter(status=CentralKeyStatus.RETIRED).values_list("key_id", flat=True)), central_keys()
    if retired & keys.keys():
        central_keys_write({key_id: key for key_id, key in keys.items() if key_id not in retired})


def resealing_progress(version: CentralKey) -> tuple[int, int]:
    """The number of values of the central node that are encrypted with `version`, and the number of all."""
    counts = sealed_counts(Readers.CENTER)
    return counts.get(version.key_id, 0), sum(counts.values())


@handles(TASK)
def resealing_advance(*, job: Job) -> None:
    """Re-encrypt for a limited time, then let other work run. A problem is recorded with the version. Runs in a worker."""
    version = CentralKey.objects.get(pk=job.subject)
    try:
        wait, problem = _step(version, timezone.now()), ""
    except StaleCentralKey:
        wait, problem = POLL, ""
    except (TrustZoneError, PKIError, OSError, DatabaseError) as exc:
        wait, problem = POLL, str(exc)[:500]
    CentralKey.objects.filter(pk=version.pk).exclude(problem=problem).update(problem=problem)
    if wait is None:
        job_finish(job=job, outcome=Job.Outcome.DONE, now=timezone.now())
    else:
        done, total = resealing_progress(version)
        job_again(job=job, at=timezone.now() + wait, progress="encrypting the values again", done=done, total=total)


def _step(version: CentralKey, now: datetime) -> timedelta | None:
    """Advance. Returns the time until the next step, or None when it has finished."""
    if version.finished_at or version.status != CentralKeyStatus.WRITING:
        with transaction.atomic():
            TrustZone.objects.select_for_update().get()
            _drop_retired()
        return None
    walked = walk(readers=Readers.CENTER, key=lambda: _key_of(version), until=now + AT_A_STRETCH)
    if not walked.complete:
        return timedelta(0)
    settled = min(version.settled_at, now) if version.settled_at and not walked.moved else now  # the clock may have been set back
    CentralKey.objects.filter(pk=version.pk).update(unreadable=walked.unreadable, settled_at=settled)
    if now - settled < SETTLE:
        return POLL
    free_pages_scrub()
    _finish(version, len(walked.unreadable), now)
    return timedelta(0)


def _key_of(version: CentralKey) -> SealingKey:
    """The key of `version`, if all keys in use are available here. Otherwise, values that only this machine cannot open would count as damaged."""
    if CentralKey.objects.writing() != version:
        raise StaleCentralKey(f"{version} does not encrypt new values any more")
    if not CentralKey.objects.ever_finished():
        at_hand = key_ring().keys
        for database_key in DatabaseKey.objects.live():
            if database_key.key_id not in at_hand:
                raise ZoneBroken(
                    f"{database_key} does not open with the service certificates of the machine that re-encrypts. Redistribute that machine."
                )
    return central_keys_proved()[version.key_id]


@transaction.atomic
def _finish(version: CentralKey, unreadable: int, now: datetime) -> None:
    """Retire the older versions, because they encrypt no value any more."""
    if not CentralKey.objects.filter(pk=version.pk, finished_at=None, status=CentralKeyStatus.WRITING).update(finished_at=now):
        raise StaleCentralKey(f"{version} has just changed")
    for old in CentralKey.objects.filter(status=CentralKeyStatus.READING):
        central_key_transition(version=old, to=CentralKeyStatus.RETIRED, reason=f"{version} encrypts all values", actor=SYSTEM, now=now)
    detail = {"version": version.version, "key_id": version.key_id, "unreadable": unreadable}
    record(actor=SYSTEM, action="central_key.finished", target=version, detail=detail, now=now)
