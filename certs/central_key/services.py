"""The central key: made, rotated, and everything that only the center needs sealed with its newest version. docs/develop/architecture.md has the steps."""

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
AT_A_STRETCH = timedelta(seconds=5)  # of sealing anew, before other work has its turn
POLL = timedelta(seconds=5)
# After the last row: longer than any transaction that still seals with an older key.
SETTLE = timedelta(seconds=60)


def resealing_is_finished() -> bool:
    """Whether every value for the center is sealed with the central key in force, and the keys before it are dropped."""
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
    """The first version, of a trust zone that is being founded: nothing is sealed yet, so nothing is sealed anew. Raises: ZoneBroken, OSError."""
    version = _make(now)
    CentralKey.objects.filter(pk=version.pk).update(settled_at=now, finished_at=now)
    return version


@transaction.atomic
def central_key_ensure(*, now: datetime) -> None:
    """The central key is there: made for a site that never had one, whose values are then sealed anew by a job.

    Raises: ZoneBroken if its file is missing, damaged or another one; a new key never takes its place. OSError.
    """
    TrustZone.objects.select_for_update().get()
    version = CentralKey.objects.writing() or _make(now)
    central_keys_proved()
    _drop_retired()
    if version.finished_at is None:
        _job(version, SYSTEM, now)


@transaction.atomic
def central_key_prepare(*, actor: Actor, now: datetime) -> str:
    """Put the next key into the file and seal nothing with it yet, so that other machines can get the file first. Returns its key id.

    A key that is prepared already is kept. Raises: PermissionRefused, ZoneMissing, ZoneBroken, OSError.
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
    """Seal new values with a new key from now on, and all others by the job that is returned. One that has not finished goes on, without another key.

    Raises: PermissionRefused, ZoneMissing, ZoneBroken, OSError.
    """
    actor.require(PERMISSION)
    version = _in_force()
    if version.finished_at is not None:
        _drop_retired()
        key_id = central_key_prepare(actor=actor, now=now)
        reason = "another key takes over"
        central_key_transition(version=version, to=CentralKeyStatus.READING, reason=reason, actor=actor, now=now)
        version = CentralKey.objects.create(version=version.version + 1, key_id=key_id, created_at=now, status_since=now)
        record(actor=actor, action="central_key.rotated", target=version, detail={"version": version.version, "key_id": key_id}, now=now)
    central_keys_proved()
    return _job(version, actor, now)


def _in_force() -> CentralKey:
    """The version that writes, with the row of the trust zone locked: one changes the file at a time. Raises: ZoneMissing."""
    TrustZone.objects.select_for_update().first()
    version = CentralKey.objects.writing()
    if version is None:
        raise ZoneMissing
    return version


def central_keys_proved() -> dict[str, SealingKey]:
    """The keys of the file, if every live version is among them. Raises: ZoneBroken."""
    keys = central_keys()
    if missing := [str(each) for each in CentralKey.objects.live() if each.key_id not in keys]:
        strange = keys.keys() - set(CentralKey.objects.values_list("key_id", flat=True))
        why = "The file has a key that the database does not know: it is another site's, or an earlier database was put back. " * bool(
            strange
        )
        raise ZoneBroken(
            f"{', '.join(missing)} is not in the central key file {settings.CENTRAL_KEY_FILE}, and values are sealed with it. "
            f"{why}{central_file.WAY_OUT}"
        )
    return keys


def _make(now: datetime) -> CentralKey:
    """The first version: with a key that is in the file already, else with a new one. The file is written first: nothing is sealed with it yet."""
    if not central_file.is_there():
        key = SealingKey.generate()
        central_keys_write({key.key_id.hex(): key})
    key_id = next(iter(central_keys()))
    version = CentralKey.objects.create(version=1, key_id=key_id, created_at=now, status_since=now)
    record(actor=SYSTEM, action="central_key.made", target=version, detail={"version": 1, "key_id": key_id}, now=now)
    return version


def _job(version: CentralKey, actor: Actor, now: datetime) -> Job:
    title = f"Sealing with {version}"
    return job_create(task=TASK, subject=version.pk, title=title, actor=actor.label, now=now)


def _drop_retired() -> None:
    """Remove the lines of retired versions from the file. The caller holds the row of the trust zone."""
    retired, keys = set(CentralKey.objects.filter(status=CentralKeyStatus.RETIRED).values_list("key_id", flat=True)), central_keys()
    if retired & keys.keys():
        central_keys_write({key_id: key for key_id, key in keys.items() if key_id not in retired})


def resealing_progress(version: CentralKey) -> tuple[int, int]:
    """How many values for the center are sealed with `version`, and how many there are."""
    counts = sealed_counts(Readers.CENTER)
    return counts.get(version.key_id, 0), sum(counts.values())


@handles(TASK)
def resealing_advance(*, job: Job) -> None:
    """Seal anew for a while, then give way to other work. What stops it is shown with the version. Runs in a worker."""
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
        job_again(job=job, at=timezone.now() + wait, progress=f"{done} of {total} values")


def _step(version: CentralKey, now: datetime) -> timedelta | None:
    """Returns after which time to go on, None when nothing is left to do."""
    if version.finished_at or version.status != CentralKeyStatus.WRITING:
        with transaction.atomic():
            TrustZone.objects.select_for_update().get()
            _drop_retired()
        return None
    walked = walk(readers=Readers.CENTER, key=lambda: _key_of(version), until=now + AT_A_STRETCH)
    if not walked.whole:
        return timedelta(0)
    settled = min(version.settled_at, now) if version.settled_at and not walked.moved else now  # the clock may have been set back
    CentralKey.objects.filter(pk=version.pk).update(unreadable=walked.unreadable, settled_at=settled)
    if now - settled < SETTLE:
        return POLL
    free_pages_scrub()
    _finish(version, len(walked.unreadable), now)
    return timedelta(0)


def _key_of(version: CentralKey) -> SealingKey:
    """The key of `version`, if every key that may seal a value is available here: else a value that only this machine cannot open would count as broken."""
    if CentralKey.objects.writing() != version:
        raise StaleCentralKey(f"{version} does not seal new values any more")
    if not CentralKey.objects.ever_finished():
        at_hand = key_ring().keys
        for each in DatabaseKey.objects.live():
            if each.key_id not in at_hand:
                raise ZoneBroken(f"{each} does not open with the service pairs of the machine that seals anew. Redistribute that machine.")
    return central_keys_proved()[version.key_id]


@transaction.atomic
def _finish(version: CentralKey, unreadable: int, now: datetime) -> None:
    """Nothing is sealed with an older key: the older versions are retired."""
    if not CentralKey.objects.filter(pk=version.pk, finished_at=None, status=CentralKeyStatus.WRITING).update(finished_at=now):
        raise StaleCentralKey(f"{version} has just changed")
    for old in CentralKey.objects.filter(status=CentralKeyStatus.READING):
        central_key_transition(version=old, to=CentralKeyStatus.RETIRED, reason=f"{version} has taken over", actor=SYSTEM, now=now)
    detail = {"version": version.version, "key_id": version.key_id, "unreadable": unreadable}
    record(actor=SYSTEM, action="central_key.finished", target=version, detail=detail, now=now)
