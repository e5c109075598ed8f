"""The central key: made once, never over a missing file, and everything that only the center needs sealed with it."""

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from audit.actors import SYSTEM
from certs.central_file import central_keys
from certs.errors import IllegalTransition, StaleCentralKey
from certs.fields import Readers, encrypted_fields
from certs.models import CentralKey, PooledKey
from certs.own_store import key_ring
from certs.services import central_key
from certs.services.central_key import (
    central_key_ensure,
    central_key_transition,
    resealing_advance,
    resealing_is_finished,
)
from certs.services.sealing_walk import sealed_counts
from certs.states import CENTRAL_KEY_TRANSITIONS, CentralKeyStatus
from jobs.models import Job
from jobs.services import job_claim

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.mark.django_db
@pytest.mark.parametrize(("old", "new"), list(itertools.product(CentralKeyStatus, CentralKeyStatus)))
def test_central_key_table(old: CentralKeyStatus, new: CentralKeyStatus) -> None:
    version = CentralKey.objects.create(version=7, status=old, key_id="00" * 8, created_at=NOW, status_since=NOW)
    if new in CENTRAL_KEY_TRANSITIONS[old]:
        event = central_key_transition(version=version, to=new, reason="", actor=SYSTEM, now=NOW)
        assert (version.status, event.detail["to"]) == (new, new)
        version.status = old
        with pytest.raises(StaleCentralKey):
            central_key_transition(version=version, to=new, reason="", actor=SYSTEM, now=NOW)
    else:
        with pytest.raises(IllegalTransition):
            central_key_transition(version=version, to=new, reason="", actor=SYSTEM, now=NOW)


def as_before_there_was_a_central_key() -> dict[object, bytes]:
    """The founded site as an older console left it: every value under the database key, and no key file. Returns the values."""
    (old,) = key_ring().keys.values()
    for number in range(250):
        PooledKey.objects.create(key_type="RSA-3072", created_at=NOW, sealed_private_key=b"%d" % number)
    for model, field in encrypted_fields(Readers.CENTER):
        for row in model._base_manager.exclude(**{field.attname: None}):
            anew = getattr(row, field.attname).sealed_anew(old)
            model._base_manager.filter(pk=row.pk).update(**{field.attname: anew})
    CentralKey.objects.all().delete()
    opened = values()
    settings.CENTRAL_KEY_FILE.unlink()
    return opened


def advance(monkeypatch: pytest.MonkeyPatch, *, until: str = "") -> None:
    """Do as workers do until the job has finished, or its progress is `until`; nobody waits for a minute."""
    monkeypatch.setattr(central_key, "SETTLE", timedelta(0))
    for _ in range(20):
        job = job_claim(now=timezone.now() + central_key.POLL)
        if job is None:
            return
        resealing_advance(job=job)
        if until and Job.objects.get(pk=job.pk).progress == until:
            return
    pytest.fail("the job does not end")


def values() -> dict[object, bytes]:
    return {
        (field.name, row.pk): getattr(row, field.name).open()
        for model, field in encrypted_fields()
        for row in model._base_manager.exclude(**{field.name: None})
    }


def test_a_new_site_has_nothing_to_seal_anew(founded: Path) -> None:
    assert resealing_is_finished()
    assert set(sealed_counts(Readers.CENTER)) == set(central_keys()) == {CentralKey.objects.get().key_id}
    assert (founded / "secrets/central-key").stat().st_mode & 0o777 == 0o600
    before = (founded / "secrets/central-key").read_bytes()
    central_key_ensure(now=NOW)
    assert (founded / "secrets/central-key").read_bytes() == before
    assert not Job.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_older_site_is_sealed_anew_by_a_job_that_goes_on_after_every_stop(founded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = as_before_there_was_a_central_key()
    central_key_ensure(now=timezone.now())
    assert (values(), resealing_is_finished()) == (before, False)
    monkeypatch.setattr(central_key, "AT_A_STRETCH", timedelta(0))  # one batch at a time
    progress = []
    monkeypatch.setattr(central_key, "SETTLE", timedelta(0))
    while not resealing_is_finished():
        job = job_claim(now=timezone.now() + central_key.POLL)
        assert job is not None
        resealing_advance(job=job)
        progress.append(Job.objects.get(pk=job.pk).progress)
        central_key_ensure(now=timezone.now())  # `up` starts in between
    assert progress[:3] == ["1 of 251 values", "101 of 251 values", "201 of 251 values"]
    assert values() == before
    assert set(sealed_counts(Readers.CENTER)) == set(central_keys())
    advance(monkeypatch)
    assert Job.objects.get().outcome == Job.Outcome.DONE
