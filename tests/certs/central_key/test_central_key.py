"""The central key: it is made once, never replaces a missing file, and encrypts all values that only the central node needs."""

import io
import itertools
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError, SystemCheckError
from django.test import Client
from django.utils import timezone

from agent.store import Store
from attention.needs import Look, needs
from audit.actors import SYSTEM
from audit.models import Event
from backups.backup import backup_make
from certs.central_key import services as central_key
from certs.central_key.services import (
    central_key_ensure,
    central_key_prepare,
    central_key_rotate,
    central_key_transition,
    resealing_advance,
    resealing_is_finished,
)
from certs.errors import IllegalTransition, StaleCentralKey
from certs.models import CentralKey, DatabaseKey, PooledKey, Rotation
from certs.states import CENTRAL_KEY_TRANSITIONS, CentralKeyStatus
from jobs.models import Job
from jobs.services import job_claim
from nodes.central.founding import zone_found
from nodes.models import Connection
from nodes.rotations.database_key import _reencrypt
from pki.core import sealing
from pki.core.errors import SealError
from pki.core.sealing import SealingKey
from sealing import walk as sealing_walk
from sealing.central_key_file import central_keys, central_keys_write
from sealing.errors import ZoneBroken
from sealing.fields import Readers, Sealed, encrypted_fields
from sealing.local_keys import key_ring
from sealing.walk import sealed_counts
from tests import factories

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
    """A site of an older version: every value is encrypted with the database key, and there is no key file. Returns the values."""
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
    """Do the work of workers until the job has finished, or its progress is `until`, without waiting for a minute."""
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


def test_a_new_site_has_nothing_to_re_encrypt(site_directory: Path) -> None:
    assert resealing_is_finished()
    assert set(sealed_counts(Readers.CENTER)) == set(central_keys()) == {CentralKey.objects.get().key_id}
    assert (site_directory / "secrets/central-key").stat().st_mode & 0o777 == 0o600
    before = (site_directory / "secrets/central-key").read_bytes()
    central_key_ensure(now=NOW)
    assert (site_directory / "secrets/central-key").read_bytes() == before
    assert not Job.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_older_site_is_re_encrypted_by_a_job_that_continues_after_every_stop(
    site_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
        progress.append(Job.objects.values_list("done", "total").get(pk=job.pk))
        central_key_ensure(now=timezone.now())  # `up` starts in between
    assert progress[:3] == [(1, 251), (101, 251), (201, 251)]
    assert values() == before
    assert set(sealed_counts(Readers.CENTER)) == set(central_keys())
    advance(monkeypatch)
    assert Job.objects.get().outcome == Job.Outcome.DONE


@pytest.mark.django_db(transaction=True)
def test_a_nodes_key_and_a_copy_of_the_database_open_only_passwords_of_connections(
    site_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = as_before_there_was_a_central_key()
    made = [connection(f"password {number}") for number in range(3)]
    central_key_ensure(now=timezone.now())
    advance(monkeypatch)
    assert resealing_is_finished()
    node = Store(settings.NODE_STORE).key_ring().keys  # every node's store opens the same keys
    opened, closed = 0, 0
    for model, field in encrypted_fields():
        for row in model._base_manager.exclude(**{field.name: None}):
            secret = getattr(row, field.name)
            try:
                sealing.unseal(node.values(), secret.sealed, bound_to=sealing.bound_to(*secret.place))
            except SealError:
                closed += 1
            else:
                opened += model is Connection
    assert (opened, closed) == (len(made), len(before))
    assert values() == before | {("password", saved.pk): saved.password.open() for saved in made}


def connection(password: str) -> Connection:
    return factories.connection(password, at=NOW, password=password)


def test_free_pages_of_a_database_contain_no_values_of_an_older_key(tmp_path: Path) -> None:
    """SQLite keeps replaced values in free parts of its file, and in its log, until they are used again."""
    environment = {**os.environ, "QMC_DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "qmc.settings"}
    environment.pop("DATABASE_URL", None)
    out = subprocess.run(
        [sys.executable, "-c", SCRUBBED], env=environment, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False
    )
    assert out.stdout.split() == ["True", "False"], out.stderr


SCRUBBED = """
import django; django.setup()
from pathlib import Path
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone
from certs.models import PooledKey
from sealing.free_pages import free_pages_scrub
from sealing.fields import Sealed
call_command("migrate", verbosity=0)
old, new = b"oldkeyid", b"newkeyid"
for number in range(300):
    PooledKey.objects.create(key_type="x", created_at=timezone.now(), sealed_private_key=Sealed(old + bytes(1000)))
PooledKey.objects.all()[:100].count()
for row in PooledKey.objects.all():
    row.sealed_private_key = Sealed(new + bytes(900)); row.save()
def held(): return any(old in path.read_bytes() for path in Path(settings.QMC_DATA_DIR).glob("db.sqlite3*"))
print(held()); free_pages_scrub(); print(held())
"""


def rotated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said = io.StringIO()
    monkeypatch.setattr(central_key, "SETTLE", timedelta(0))
    call_command("rotate_central_key", stdout=said)
    return said.getvalue().splitlines()


@pytest.mark.django_db(transaction=True)
def test_a_rotation_shows_its_progress_and_removes_the_old_key(site_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PooledKey.objects.create(key_type="RSA-3072", created_at=NOW, sealed_private_key=b"x")
    before, (old,) = values(), central_keys()
    said = rotated(monkeypatch)
    (new,) = central_keys()
    assert (new != old, set(sealed_counts(Readers.CENTER)), values()) == (True, {new}, before)
    assert "2 of 2 values are encrypted with central key version 2." in "\n".join(said)
    assert said[-1].startswith("Finished.")
    assert [(version.version, version.status) for version in CentralKey.objects.all()] == [(2, "writing"), (1, "retired")]
    actions = list(Event.objects.filter(action__startswith="central_key").order_by("sequence").values_list("action", flat=True))
    assert actions == [
        "central_key.made",
        "central_key.transition",
        "central_key.rotated",
        "central_key.transition",
        "central_key.finished",
    ]
    assert not any(
        key.hex() in str(event.detail) for event in Event.objects.all() for key in (version.key for version in central_keys().values())
    )


STEPS = ["file", "row", "half", "sealed", "retired"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("killed_after", STEPS)
def test_an_interrupted_rotation_continues_with_the_same_key(
    site_directory: Path, monkeypatch: pytest.MonkeyPatch, killed_after: str
) -> None:
    for number in range(150):
        PooledKey.objects.create(key_type="RSA-3072", created_at=NOW, sealed_private_key=b"%d" % number)
    before = values()
    key_id = central_key_prepare(actor=SYSTEM, now=timezone.now())
    if killed_after != "file":
        central_key_rotate(actor=SYSTEM, now=timezone.now())
    if killed_after in STEPS[2:]:
        until = timezone.now() + timedelta(minutes=5) if killed_after != "half" else NOW
        version = CentralKey.objects.get(version=2)
        sealing_walk.walk(readers=Readers.CENTER, key=lambda: central_keys()[key_id], until=until)
        if killed_after == "retired":
            central_key._finish(version, 0, timezone.now())
            assert len(central_keys()) == 2
    assert values() == before
    rotated(monkeypatch) if killed_after != "retired" else advance(monkeypatch)
    assert (list(central_keys()), set(sealed_counts(Readers.CENTER)), values()) == ([key_id], {key_id}, before)
    assert CentralKey.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_an_open_transaction_with_the_old_key_keeps_the_old_key(site_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process encrypted its value before the rotation, and saves it after the first walk."""
    late = PooledKey(key_type="RSA-3072", created_at=NOW, sealed_private_key=b"late")
    assert late.sealed_private_key.key_id == next(iter(central_keys()))
    job = central_key_rotate(actor=SYSTEM, now=timezone.now())
    resealing_advance(job=job_claim(now=timezone.now(), only=job))
    assert CentralKey.objects.get(version=2).settled_at is None or not resealing_is_finished()
    late.save()
    advance(monkeypatch)
    assert PooledKey.objects.get(pk=late.pk).sealed_private_key.open() == b"late"
    assert PooledKey.objects.get(pk=late.pk).sealed_private_key.key_id == CentralKey.objects.get(version=2).key_id


@pytest.mark.django_db
def test_the_old_key_stays_for_a_minute_after_the_last_value(site_directory: Path) -> None:
    job = central_key_rotate(actor=SYSTEM, now=timezone.now())
    for _ in range(3):
        claimed = job_claim(now=timezone.now() + central_key.POLL, only=job)
        assert claimed is not None
        resealing_advance(job=claimed)
    assert (len(central_keys()), resealing_is_finished()) == (2, False)


def test_a_key_can_be_prepared_and_copied_before_it_is_used(site_directory: Path) -> None:
    (old,) = central_keys()
    call_command("rotate_central_key", prepare=True, stdout=(said := io.StringIO()))
    call_command("rotate_central_key", prepare=True, stdout=said)  # twice: the same key
    assert "Nothing is encrypted with it yet" in said.getvalue()
    new, kept = central_keys()
    assert kept == old
    assert PooledKey(key_type="x", created_at=NOW, sealed_private_key=b"x").sealed_private_key.key_id == old
    central_key_rotate(actor=SYSTEM, now=NOW)
    assert CentralKey.objects.writing().key_id == new


BROKEN = {
    "missing": (lambda path: path.unlink(), "is missing"),
    "empty": (lambda path: path.write_bytes(b""), "is damaged"),
    "filled with NUL": (lambda path: path.write_bytes(bytes(62)), "is damaged"),
    "of another site": (lambda path: central_keys_write({"": SealingKey.generate()}), "is not in the central key file"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "cannot be read"),
}


@pytest.mark.parametrize(("break_it", "words"), BROKEN.values(), ids=BROKEN)
def test_an_unusable_key_file_is_reported_everywhere_and_never_replaced(
    site_directory: Path, administrator: Client, break_it, words: str
) -> None:
    file = settings.CENTRAL_KEY_FILE
    break_it(file)
    content = file.read_bytes() if file.is_file() else None
    doors = {
        "init": lambda: zone_found(host_name="central.example", now=timezone.now()),
        "rotate": lambda: call_command("rotate_central_key"),
        "prepare": lambda: call_command("rotate_central_key", prepare=True),
        "check": lambda: call_command("check", deploy=True),
        "backup": lambda: backup_make(file=site_directory / "b.age", passphrase="a long passphrase", actor=SYSTEM, now=NOW),
    }
    for door, ask in doors.items():
        with pytest.raises((ZoneBroken, CommandError, SystemCheckError), match=words) as found:
            ask()
        assert words == "cannot be read" or "from a backup" in str(found.value), door
    page = administrator.get("/database-key/")
    assert (page.status_code, words in page.content.decode()) == (200, True)
    overview = administrator.get("/").content.decode()
    assert "The central key cannot be used" in overview
    assert (file.read_bytes() if file.is_file() else None) == content
    assert any(need.code == "central-key-unusable" for need in needs(Look(timezone.now())))


def test_blocked_re_encryption_says_why_and_continues_later(site_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = central_key_rotate(actor=SYSTEM, now=timezone.now())
    content = settings.CENTRAL_KEY_FILE.read_bytes()
    settings.CENTRAL_KEY_FILE.unlink()
    resealing_advance(job=job_claim(now=timezone.now(), only=job))
    assert "is missing" in CentralKey.objects.get(version=2).problem
    assert "central-key-unusable" in [need.code for need in needs(Look(timezone.now()))]
    settings.CENTRAL_KEY_FILE.write_bytes(content)
    resealing_advance(job=job_claim(now=timezone.now() + central_key.POLL, only=job))
    assert CentralKey.objects.get(version=2).problem == ""
    assert "resealing-blocked" not in [need.code for need in needs(Look(timezone.now() + timedelta(minutes=50)))]
    assert "resealing-blocked" in [need.code for need in needs(Look(timezone.now() + timedelta(minutes=70)))]  # nobody works on it


def test_a_value_that_does_not_open_is_reported_and_hides_no_other(site_directory: Path, administrator: Client) -> None:
    good, broken = (PooledKey.objects.create(key_type="x", created_at=NOW, sealed_private_key=b"x") for _ in range(2))
    PooledKey.objects.filter(pk=broken.pk).update(sealed_private_key=Sealed(good.sealed_private_key.sealed))
    job = central_key_rotate(actor=SYSTEM, now=timezone.now())
    resealing_advance(job=job_claim(now=timezone.now(), only=job))
    assert [str(broken.pk) in line for line in CentralKey.objects.get(version=2).unreadable] == [True]
    assert PooledKey.objects.get(pk=good.pk).sealed_private_key.open() == b"x"
    assert str(broken.pk) in administrator.get("/database-key/").content.decode()


@pytest.mark.parametrize("finished", [False, True], ids=["sealing anew", "finished"])
def test_no_database_key_is_retired_while_it_encrypts_values_of_the_central_node(versions, finished: bool) -> None:
    """The site was upgraded in the middle of a rotation of the database key."""
    now = timezone.now()
    first = CentralKey.objects.create(version=1, key_id=next(iter(central_keys())), created_at=now, status_since=now)
    CentralKey.objects.filter(pk=first.pk).update(finished_at=now if finished else None)
    rotation = Rotation.objects.create(kind="database-key", to_version=2, actor="anna", created_at=now, settled_at=now - timedelta(hours=1))
    _reencrypt(rotation, DatabaseKey.objects.get(version=2), now)
    assert DatabaseKey.objects.get(version=1).status == ("retired" if finished else "reading")


def test_an_interrupted_first_start_uses_the_key_that_it_wrote(site_directory: Path) -> None:
    CentralKey.objects.all().delete()
    (written,) = central_keys()
    central_key_ensure(now=timezone.now())
    assert (CentralKey.objects.get().key_id, list(central_keys())) == (written, [written])
    assert Job.objects.get().task == central_key.TASK


def test_values_under_a_key_that_is_not_in_use_are_counted_on_the_page(site_directory: Path, administrator: Client) -> None:
    strange = PooledKey.objects.create(key_type="x", created_at=NOW, sealed_private_key=b"x")
    PooledKey.objects.filter(pk=strange.pk).update(sealed_private_key=Sealed(b"otherkey" + bytes(28)))
    assert "1 value cannot be read" in administrator.get("/database-key/").content.decode()


def test_a_stopped_command_says_that_workers_continue(site_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("qmc.management.commands.rotate_central_key.resealing_advance", stopped)
    with pytest.raises(CommandError, match="Workers continue"):
        call_command("rotate_central_key", stdout=io.StringIO())
    assert Job.objects.unfinished().filter(task=central_key.TASK).exists()
