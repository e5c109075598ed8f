"""Backups that people and the schedule ask for: the passphrase, the states, the worker and its faults, the schedule, pages and API."""

import json
import os
import subprocess
import uuid
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from attention.needs import Look
from audit.actors import SYSTEM
from audit.models import Event
from backups import backup as making
from backups.archive import unseal
from backups.attention import needs
from backups.errors import BackupRefused, StaleBackup
from backups.models import PASSPHRASE_KEPT, Backup, BackupSchedule
from backups.schedule import backups_forget, backups_retain, following, schedule_change, schedule_run
from backups.services import TASK, backup_ask, backup_cancel, backup_remove, passphrase_problem
from backups.states import TRANSITIONS, BackupState
from backups.transition import backup_transition
from backups.worker import TOO_LATE, backup_advance, backups_end_late
from jobs.models import Job
from jobs.registry import Retry
from jobs.services import job_claim
from nodes.models import Node
from people.roles.groups import role_give
from people.roles.registry import Role
from tests import factories
from tests.age import sealed_at_once
from web.errors import InputInvalid

WORD = "correct horse battery"
PATH = "/api/v1/backups/"
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quick(site_directory: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Encryption without a second of work, and a trial restore that succeeds unless the list has a reason. tests/site has the real ones."""
    problems: list[str] = []

    def trial(file: Path, passphrase: str) -> str:
        unseal(file.read_bytes(), passphrase)
        if problems:
            raise making.BackupError(problems[0])
        return ""

    monkeypatch.setattr(making, "seal", sealed_at_once)
    if connection.vendor == "postgresql":  # the transaction of a test has begun, and its level cannot change; tests/site has a real backup
        monkeypatch.setattr(making, "one_moment", nullcontext)
    monkeypatch.setattr(making, "_trial", trial)
    return problems


def asked(word: str = WORD, **fields: Any) -> Backup:
    return backup_ask(actor=SYSTEM, passphrase=word, now=timezone.now(), **fields)


def work() -> Job:
    """What a worker does with the job that is due."""
    job = job_claim(now=timezone.now())
    assert job is not None
    backup_advance(job=job)
    job.refresh_from_db()
    return job


def made(**fields: Any) -> Backup:
    backup = asked(**fields)
    work()
    backup.refresh_from_db()
    assert backup.state == BackupState.MADE, backup.reason
    return backup


WEAK = {
    "short": ("horse", "needs at least 12"),
    "long": ("ab1d ef" * 40, "At most 200"),
    "digits": ("918273645546372819", "only digits"),
    "few characters": ("abababababab", "different characters"),
    "common": ("password1234", "common passwords"),
    "a line break": ("correct horse\nbattery", "line break"),
}


@pytest.mark.parametrize(("word", "problem"), WEAK.values(), ids=WEAK)
def test_a_weak_passphrase_is_refused_and_nothing_is_recorded(word: str, problem: str) -> None:
    with pytest.raises(InputInvalid, match=problem):
        asked(word)
    assert not Backup.objects.exists()
    assert passphrase_problem(WORD) == ""


@pytest.mark.parametrize("old", BackupState)
@pytest.mark.parametrize("to", BackupState)
def test_every_pair_of_states(old: BackupState, to: BackupState) -> None:
    backup = Backup.objects.create(actor="ann", name="x", state=old, created_at=NOW, state_since=NOW, sealed_passphrase=WORD)
    if to not in TRANSITIONS[old]:
        with pytest.raises(BackupRefused):
            backup_transition(backup=backup, to=to, actor=SYSTEM, now=NOW)
        return
    stale = Backup.objects.get()
    backup_transition(backup=backup, to=to, actor=SYSTEM, now=NOW)
    ended = to in (BackupState.MADE, BackupState.FAILED, BackupState.CANCELLED, BackupState.REMOVED)
    assert (backup.under_way is None, Backup.objects.get().sealed_passphrase is None) == (ended, ended)
    if old != to:
        with pytest.raises(StaleBackup):
            backup_transition(backup=stale, to=to, actor=SYSTEM, now=NOW)


def test_a_worker_makes_and_verifies_the_backup_and_forgets_the_passphrase(settings: Any) -> None:
    factories.registered_node()
    backup = asked()
    assert backup.sealed_passphrase.text() == WORD
    job = work()
    backup = Backup.objects.get()
    content = unseal(backup.path.read_bytes(), WORD)
    assert (backup.state, backup.sealed_passphrase, job.outcome) == ("made", None, "done")
    assert (backup.path.parent, backup.path.stat().st_mode & 0o777) == (settings.BACKUP_DIR, 0o600)
    assert (backup.nodes, backup.certificates, backup.zone, backup.size) == (2, 4, "central.example", backup.path.stat().st_size)
    assert backup.verified_at is not None
    assert "1 private key of roots" in backup.contains
    assert [step.text.split()[0] for step in job.steps.all()] == ["reading", "proving"]
    assert content.origin.host_name == "central.example"
    assert b'"model": "backups.backup"' not in content.members["data.jsonl"]
    assert [event.detail["to"] for event in Event.objects.filter(action="backup.transition").order_by("sequence")] == [
        "writing", "verifying", "made",
    ]  # fmt: skip
    assert WORD not in json.dumps([event.detail for event in Event.objects.all()])


def test_only_one_backup_is_in_progress_and_the_same_form_asks_once() -> None:
    request = uuid.uuid4()
    first = asked(request=request)
    assert asked(request=request).pk == first.pk
    with pytest.raises(BackupRefused, match="Another backup is in progress"):
        asked()
    assert (Backup.objects.count(), Job.objects.filter(task=TASK).count()) == (1, 1)


def test_a_backup_that_does_not_verify_is_deleted_with_its_reason(quick: list[str], settings: Any) -> None:
    quick.append("The trial restore failed, so do not rely on this file: a key does not open.")
    backup = asked()
    job = work()
    backup.refresh_from_db()
    assert (backup.state, backup.sealed_passphrase, job.outcome) == ("failed", None, "failed")
    assert "a key does not open" in backup.reason
    assert job.error == backup.reason
    assert list(settings.BACKUP_DIR.glob("*.age")) == []


def test_a_worker_after_a_killed_one_begins_the_file_again(settings: Any) -> None:
    backup = asked()
    backup_transition(backup=backup, to=BackupState.WRITING, actor=SYSTEM, now=timezone.now(), folder=str(settings.BACKUP_DIR))
    settings.BACKUP_DIR.mkdir()
    backup.path.write_bytes(b"half")
    backup.path.with_name(f".{backup.name}.new").write_bytes(b"part")
    work()
    backup.refresh_from_db()
    assert backup.state == "made"
    assert unseal(backup.path.read_bytes(), WORD)
    assert [path.suffix for path in settings.BACKUP_DIR.iterdir() if path.name != "in-progress.lock"] == [".age"]


def test_a_disk_that_is_really_full_leaves_no_part_of_a_file(settings: Any, tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", place], check=False).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        settings.BACKUP_DIR = place
        backup = asked()
        work()
        backup.refresh_from_db()
        assert (backup.state, "No space left on device" in backup.reason, "Free space there" in backup.reason) == ("failed", True, True)
        assert [path.name for path in place.iterdir()] == ["in-progress.lock"]
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def test_a_folder_that_cannot_be_used_is_named_with_the_remedy(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    settings.BACKUP_DIR = tmp_path / "taken/backups"
    backup = asked()
    work()
    backup.refresh_from_db()
    assert (backup.state, "cannot be used: File exists." in backup.reason, "QMC_BACKUP_DIR" in backup.reason) == ("failed", True, True)


def test_a_worker_elsewhere_gives_the_job_back(settings: Any) -> None:
    backup = asked()
    Node.objects.update(is_central=False)
    factories.node("other", at=NOW, is_central=True)
    job = job_claim(now=timezone.now())
    assert job is not None
    with pytest.raises(Retry, match="worker on the central node"):
        backup_advance(job=job)
    backup.refresh_from_db()
    assert backup.state == "waiting"


def test_a_canceled_backup_has_no_passphrase_and_no_file(settings: Any) -> None:
    backup = asked()
    backup_transition(backup=backup, to=BackupState.WRITING, actor=SYSTEM, now=timezone.now(), folder=str(settings.BACKUP_DIR))
    settings.BACKUP_DIR.mkdir()
    backup.path.write_bytes(b"half")
    backup_cancel(actor=SYSTEM, backup=backup, now=timezone.now())
    assert (backup.state, backup.sealed_passphrase) == ("cancelled", None)
    job = work()
    assert (job.outcome, backup.path.exists()) == ("cancelled", False)


def test_a_backup_that_is_canceled_while_it_is_written_is_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    backup = asked()

    def seal(*arguments: Any) -> bytes:
        backup_cancel(actor=SYSTEM, backup=Backup.objects.get(), now=timezone.now())
        return sealed_at_once(*arguments)

    monkeypatch.setattr(making, "seal", seal)
    work()
    backup.refresh_from_db()
    assert (backup.state, backup.path.exists(), backup.verified_at) == ("cancelled", False, None)


def test_a_backup_that_is_being_verified_is_not_canceled() -> None:
    backup = asked()
    Backup.objects.update(state=BackupState.VERIFYING)
    backup.refresh_from_db()
    with pytest.raises(BackupRefused, match="Remove it when it is made"):
        backup_cancel(actor=SYSTEM, backup=backup, now=timezone.now())


@pytest.mark.parametrize(
    ("late", "ends"), [(PASSPHRASE_KEPT, 0), (PASSPHRASE_KEPT + timedelta(seconds=1), 1), (timedelta(hours=-2), 1)], ids=str
)
def test_a_passphrase_is_kept_for_an_hour(late: timedelta, ends: int) -> None:
    backup = asked()
    assert backups_end_late(now=backup.created_at + late) == ends
    backup.refresh_from_db()
    assert (backup.sealed_passphrase is None, backup.reason) == (bool(ends), TOO_LATE if ends else "")


def test_a_job_whose_backup_is_gone_fails_with_the_remedy() -> None:
    asked()
    Backup.objects.all().delete()
    job = work()
    assert (job.outcome, "Ask for a new one" in job.error) == ("failed", True)


def test_a_removed_backup_has_no_file_and_a_copy_that_is_gone_already_is_no_error() -> None:
    for present in (True, False):
        backup = made()
        if not present:
            backup.path.unlink()
        backup_remove(actor=SYSTEM, backup=backup, now=timezone.now())
        assert (work().outcome, backup.path.exists(), backup.state) == ("done", False, "removed")


DUE = {
    "today": ("day", 0, 13, "2026-11-30T13"), "tomorrow": ("day", 0, 12, "2026-12-01T12"), "this week": ("week", 2, 3, "2026-12-02T03"),
    "next week": ("week", 0, 3, "2026-12-07T03"), "later today": ("week", 0, 23, "2026-11-30T23"), "off": ("", 0, 3, "None"),
}  # fmt: skip


@pytest.mark.parametrize(("every", "weekday", "hour", "at"), DUE.values(), ids=DUE)
def test_the_next_scheduled_backup(every: str, weekday: int, hour: int, at: str) -> None:
    assert str(following(BackupSchedule(every=every, weekday=weekday, hour=hour), NOW)).replace(" ", "T")[: len(at)] == at


def scheduled(**fields: Any) -> BackupSchedule:
    return schedule_change(actor=SYSTEM, now=NOW, **{"every": "day", "weekday": 0, "hour": 13, "keep": 2} | fields)


def test_a_schedule_begins_each_backup_once_and_keeps_the_newest(settings: Any) -> None:
    settings.BACKUP_PASSPHRASE_FILE.write_text(WORD + "\n")
    scheduled()
    by_hand = made()
    for day in range(4):
        now = NOW + timedelta(days=day, hours=1, minutes=1)
        backup = schedule_run(now=now)
        assert backup is not None
        assert (schedule_run(now=now), backup.sealed_passphrase) == (None, None)
        Job.objects.update(next_attempt_at=timezone.now(), lease_until=None)
        while Job.objects.unfinished().exists():
            work()
    kept = Backup.objects.filter(state=BackupState.MADE, scheduled=True)
    assert kept.count() == 2
    assert Backup.objects.filter(state=BackupState.REMOVED).count() == 2
    assert {path.name for path in settings.BACKUP_DIR.glob("*.age")} == {by_hand.name, *kept.values_list("name", flat=True)}
    assert unseal(kept[0].path.read_bytes(), WORD)


@pytest.mark.parametrize("content", [None, "", "short", b"\xff\xfe" * 10], ids=str)
def test_a_passphrase_file_that_cannot_be_used_becomes_a_need(settings: Any, content: str | bytes | None) -> None:
    if content is not None:
        settings.BACKUP_PASSPHRASE_FILE.write_bytes(content if isinstance(content, bytes) else content.encode())
    scheduled()
    backup = schedule_run(now=NOW + timedelta(hours=2))
    assert backup is not None
    Backup.objects.update(created_at=timezone.now())
    Job.objects.update(next_attempt_at=timezone.now())
    work()
    backup.refresh_from_db()
    assert (backup.state, str(settings.BACKUP_PASSPHRASE_FILE) in backup.reason) == ("failed", True)
    (need,) = [found for found in needs(Look(timezone.now())) if found.code == "backup-schedule"]
    assert (need.text, need.url) == (backup.reason, f"/backups/{backup.pk}/")
    schedule_change(actor=SYSTEM, every="", weekday=0, hour=1, keep=1, now=NOW)
    assert [found for found in needs(Look(timezone.now())) if found.code == "backup-schedule"] == []


def test_a_schedule_waits_while_another_backup_is_made_and_follows_a_clock_that_is_set_back() -> None:
    schedule = scheduled()
    other = asked()
    assert schedule_run(now=NOW + timedelta(hours=2)) is None
    backup_cancel(actor=SYSTEM, backup=other, now=NOW)
    assert schedule_run(now=NOW + timedelta(hours=2)) is not None
    assert schedule_run(now=NOW + timedelta(hours=2)) is None
    BackupSchedule.objects.update(next_at=NOW + timedelta(days=300))
    schedule_run(now=NOW)
    schedule.refresh_from_db()
    assert schedule.next_at == NOW + timedelta(hours=1)


def test_rows_without_a_file_are_forgotten_after_ninety_days() -> None:
    backup = made()
    backup_remove(actor=SYSTEM, backup=backup, now=NOW)
    kept = Backup.objects.create(actor="a", name="b", state=BackupState.MADE, created_at=NOW, state_since=NOW, under_way=None)
    assert (backups_forget(now=NOW + timedelta(days=89)), backups_forget(now=NOW + timedelta(days=91))) == (0, 1)
    assert Backup.objects.get() == kept
    assert backups_retain(now=NOW) == 0


@pytest.mark.parametrize("field", [{"hour": 24}, {"weekday": 7}, {"keep": 0}, {"keep": 366}, {"every": "hour"}, {"hour": -1}], ids=str)
def test_a_schedule_that_makes_no_sense_is_refused(field: dict[str, Any]) -> None:
    with pytest.raises(InputInvalid):
        scheduled(**field)
    assert not BackupSchedule.objects.exists()


@pytest.fixture
def client() -> Client:
    client, ann = Client(), factories.root_admin("ann")
    ann.set_password(WORD)
    ann.save()
    client.force_login(ann)
    return client


def sign_in_again(client: Client) -> None:
    assert client.post("/accounts/reauthenticate/", {"password": WORD, "next": "/"}, secure=True).status_code == 302


def send(client: Client, method: str, path: str = PATH, **body: Any) -> Any:
    return client.generic(method, path, json.dumps(body) if body else b"", content_type="application/json", secure=True)


def test_a_backup_is_asked_for_downloaded_and_removed_by_the_api(client: Client) -> None:
    answer = send(client, "POST", passphrase=WORD)
    found = answer.json()
    assert (answer.status_code, found["state"], WORD in answer.content.decode()) == (202, "waiting", False)
    again = send(client, "POST", passphrase=WORD)
    assert (again.status_code, again.json()["type"]) == (409, "urn:trust-zone:not-now")
    work()
    own = f"{PATH}{found['id']}/"
    assert client.get(own, secure=True).json()["nodes"] == 1
    assert send(client, "POST", f"{own}download/").json()["type"] == "urn:trust-zone:fresh-sign-in-required"
    sign_in_again(client)
    answer = send(client, "POST", f"{own}download/")
    content = b"".join(answer.streaming_content)
    assert (answer.status_code, answer["Cache-Control"], unseal(content, WORD).origin.host_name) == (200, "no-store", "central.example")
    assert Event.objects.filter(action="backup.downloaded", actor="ann").exists()
    assert send(client, "DELETE", own).json()["state"] == "removed"
    work()
    assert send(client, "POST", f"{own}download/").status_code == 409
    assert [row["state"] for row in client.get(PATH, secure=True).json()["results"]] == ["removed"]


def test_a_file_that_was_moved_is_named_with_its_place(client: Client) -> None:
    backup = made()
    backup.path.unlink()
    sign_in_again(client)
    answer = send(client, "POST", f"{PATH}{backup.pk}/download/")
    assert (answer.status_code, str(backup.folder) in answer.json()["detail"]) == (409, True)
    page = client.post(f"/backups/{backup.pk}/download/", secure=True)
    assert (page.status_code, "Nothing was downloaded" in page.content.decode()) == (409, True)


def test_pages_ask_twice_for_the_passphrase_and_show_the_result(client: Client) -> None:
    form = {"request": str(uuid.uuid4()), "passphrase": WORD, "again": WORD + "!"}
    answer = client.post("/backups/new/", form, secure=True)
    assert (answer.status_code, "The two passphrases differ" in answer.content.decode(), Backup.objects.exists()) == (400, True, False)
    assert WORD not in answer.content.decode()
    for _ in range(2):  # the form is sent twice
        answer = client.post("/backups/new/", form | {"again": WORD}, secure=True)
    backup = Backup.objects.get()
    assert answer.url == f"/backups/{backup.pk}/"
    assert "It waits for a worker" in client.get(answer.url, secure=True).content.decode()
    work()
    text = client.get(answer.url, secure=True).content.decode()
    assert "restore" in text
    assert "1 node, 4 certificates" in text
    assert client.get(f"/backups/{backup.pk}/download/", secure=True).url.startswith("/accounts/reauthenticate/")
    assert backup.name in client.get("/backups/", secure=True).content.decode()
    assert client.post(f"/backups/{backup.pk}/remove/", secure=True).url == f"/backups/{backup.pk}/"
    assert client.post("/backups/schedule/", {"every": "week", "weekday": 1, "hour": 4, "keep": 3}, secure=True).url == "/backups/"
    assert "Every Tuesday at 04:00 UTC. The newest 3 are kept." in client.get("/backups/", secure=True).content.decode()


def test_a_canceled_job_cancels_its_backup(client: Client) -> None:
    backup = asked()
    (job,) = client.get("/api/v1/jobs/?kind=backup", secure=True).json()["results"]
    assert send(client, "POST", f"/api/v1/jobs/{job['id']}/cancel/").status_code == 200
    backup.refresh_from_db()
    assert backup.state == "cancelled"
    assert work().outcome == "cancelled"


def test_others_read_the_list_and_change_nothing(client: Client) -> None:
    backup, auditor = made(), Client()
    user = User.objects.create_user("eve")
    role_give(user, Role.AUDIT_ADMIN)
    auditor.force_login(user)
    assert auditor.get(f"{PATH}{backup.pk}/", secure=True).status_code == 200
    for method, path in (("POST", PATH), ("DELETE", f"{PATH}{backup.pk}/"), ("POST", f"{PATH}{backup.pk}/download/")):
        body = {"passphrase": WORD} if path == PATH else {}
        assert send(auditor, method, path, **body).status_code == 403
    assert send(auditor, "PUT", "/api/v1/settings/backups/", every="day").status_code == 403
    assert Backup.objects.get().state == "made"
