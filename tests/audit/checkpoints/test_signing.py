"""Checkpoints: signed each minute, in a file outside the database, and only if the log extends the last one."""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from agent.files import InUse
from attention.needs import Look
from audit.actors import SYSTEM
from audit.checkpoints import file, look, services
from audit.checkpoints.file import checkpoint_file, file_held, file_lines, line_append, public_key_file
from audit.checkpoints.key import public_key_known
from audit.checkpoints.look import log_verify
from audit.checkpoints.services import CheckpointRefused, audit_gap_accept, checkpoint_is_due, checkpoint_sign
from audit.models import Checkpoint, CheckpointKey, Finding, Head
from audit.record import record
from audit.tasks import LOOK, check
from audit.tasks import look as look_at_all
from certs.models import TrustZone
from certs.roots.passphrase import root_passphrase_rotate
from jobs.models import PeriodicWork
from nodes.models import Node
from pki.core.errors import PKIError
from pki.evidence.checkpoints import Checkpoint as Statement
from pki.evidence.checkpoints import chain_of, public_key_from
from qmc.audit_log.attention import needs
from sealing.errors import ZoneBroken
from tests.factories import administrator

NOW = timezone.now().replace(microsecond=0) + timedelta(hours=2)  # after the events of the site, which is made when a test first needs it
LATER = NOW + timedelta(minutes=1)


class KilledError(BaseException):
    """As kill -9: nothing after it is run."""


def write(events: int = 1, *, now: datetime = NOW) -> int:
    """Write this many events. Returns the last sequence number."""
    for number in range(events):
        record(actor=SYSTEM, action="test", target=TrustZone.objects.get(), detail={"number": number}, now=now)
    return Head.objects.get().sequence


def execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def statements() -> list[Statement]:
    """What the file has. Its lines are those of the table."""
    assert list(file_lines()) == list(Checkpoint.objects.signed().values_list("line", flat=True))
    return list(chain_of(file_lines(), public_key_from(public_key_known())))


@pytest.fixture
def signed(site_directory: Path) -> int:
    """A site with one checkpoint. Returns its last event."""
    row = checkpoint_sign(now=NOW)
    assert row is not None
    return row.sequence


def test_the_first_checkpoint_makes_key_and_file_and_covers_all_events(site_directory: Path) -> None:
    last = write(3)
    assert checkpoint_sign(now=NOW + timedelta(microseconds=5)) is not None
    (first,) = statements()
    assert (first.number, first.sequence, first.digest, first.at, first.previous) == (1, last, Head.objects.get().digest, NOW, "")
    assert first.zone == TrustZone.objects.get().pk
    assert checkpoint_file() == site_directory / "audit/checkpoints"
    assert (checkpoint_file().stat().st_mode & 0o777, checkpoint_file().parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert b"ENCRYPTED" in bytes(CheckpointKey.objects.get().private_key)


def test_only_what_is_new_is_signed(signed: int) -> None:
    assert checkpoint_sign(now=LATER) is None
    last = write(2)
    assert checkpoint_sign(now=LATER) is not None
    assert [(one.number, one.sequence) for one in statements()] == [(1, signed), (2, last)]
    assert log_verify().findings == []


def test_a_checkpoint_is_due_a_minute_after_the_last_one(signed: int) -> None:
    assert [checkpoint_is_due(now=NOW + timedelta(seconds=seconds)) for seconds in (0, 59, 60)] == [False, False, True]


def test_a_clock_that_was_set_back_is_signed_as_it_is(signed: int) -> None:
    earlier = NOW - timedelta(days=1)
    write(now=earlier)
    assert checkpoint_is_due(now=earlier)
    checkpoint_sign(now=earlier)
    write()
    checkpoint_sign(now=LATER)
    assert [one.at for one in statements()] == [NOW, earlier, LATER]
    assert log_verify().findings == []


def test_a_long_log_is_signed_in_parts(signed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "MOST_AT_ONCE", 4)
    monkeypatch.setattr(services, "MOST_AT_ONCE", 4)
    write(10)
    soon = NOW + timedelta(seconds=15)
    for due in (True, True, False):
        assert checkpoint_is_due(now=soon) == due
        checkpoint_sign(now=soon)
    assert [one.sequence - signed for one in statements()] == [0, 4, 8, 10]
    assert log_verify().findings == []


def test_another_machine_than_the_central_node_signs_nothing(site_directory: Path) -> None:
    Node.objects.update(is_central=False)
    assert checkpoint_sign(now=NOW) is None
    assert not checkpoint_file().exists()


def test_two_workers_do_not_sign_at_once(signed: int) -> None:
    write()
    with file_held(now=NOW), pytest.raises(InUse, match=f"process {os.getpid()}"):
        checkpoint_sign(now=LATER)
    assert checkpoint_sign(now=LATER) is not None


KILLS: dict[str, tuple[object, str, int, str]] = {
    "before the row": (services, "_row_write", 1, "before"),
    "before the signature": (services, "signed", 1, "before"),
    "before the line": (services, "line_append", 1, "before"),
    "before the file is synced": (file.os, "fsync", 1, "before"),
    "before the folder is synced": (file, "sync_folder", 1, "before"),
    "before the line is in the row": (services, "_row_write", 2, "before"),
    "after the line is in the row": (services, "_row_write", 2, "after"),
}


def killed(monkeypatch: pytest.MonkeyPatch, where: object, name: str, call: int, side: str) -> None:
    """Sign, and be killed before or after this call of a function."""
    real, calls = getattr(where, name), count(1)

    def function(*args: object, **options: object) -> object:
        number = next(calls)
        if (number, side) == (call, "before"):
            raise KilledError
        result = real(*args, **options)
        if number == call:
            raise KilledError
        return result

    with monkeypatch.context() as patch:
        patch.setattr(where, name, function)
        with pytest.raises(KilledError):
            checkpoint_sign(now=LATER)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kill", KILLS.values(), ids=KILLS)
@pytest.mark.parametrize("first", [True, False], ids=["the first checkpoint", "a later one"])
def test_a_worker_killed_at_any_step_leaves_a_log_that_the_next_one_signs(
    site_directory: Path, monkeypatch: pytest.MonkeyPatch, kill: tuple[object, str, int, str], first: bool
) -> None:
    if not first:
        checkpoint_sign(now=NOW)
    last = write()
    killed(monkeypatch, *kill)
    assert log_verify().findings == []
    write()
    assert checkpoint_sign(now=LATER + timedelta(minutes=1)) is not None
    numbers = [one.number for one in statements()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert statements()[-1].sequence == last + 1
    assert (log_verify().findings, Finding.objects.count()) == ([], 0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["file_make", "key_make"])
@pytest.mark.parametrize("side", ["before", "after"])
def test_a_first_start_killed_at_any_step_is_continued(site_directory: Path, monkeypatch: pytest.MonkeyPatch, name: str, side: str) -> None:
    killed(monkeypatch, services, name, 1, side)
    assert checkpoint_sign(now=LATER) is not None
    assert len(statements()) == 1


def test_a_line_that_a_crash_left_incomplete_is_replaced(signed: int) -> None:
    with checkpoint_file().open("a") as lines:
        lines.write("eyJhbGciOiJFZDI1NTE5")
    assert log_verify().findings == []
    write()
    checkpoint_sign(now=LATER)
    assert len(statements()) == 2


def test_a_full_disk_waits_for_the_next_minute(signed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    write()
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", lambda descriptor, content, at: os.write(descriptor, content[:0]) or 7)
        with pytest.raises(OSError, match="No space left"):
            checkpoint_sign(now=LATER)
    assert log_verify().findings == []
    checkpoint_sign(now=LATER)
    assert len(statements()) == 2


def test_a_new_root_passphrase_encrypts_the_key_again(signed: int, settings) -> None:
    before = settings.ROOT_PASSPHRASE_FILE.read_bytes()
    assert root_passphrase_rotate(actor=SYSTEM, now=NOW) == 2
    assert settings.ROOT_PASSPHRASE_FILE.read_bytes() != before
    assert checkpoint_sign(now=LATER) is not None


def test_without_its_passphrase_nothing_is_signed(signed: int, settings) -> None:
    write()
    settings.ROOT_PASSPHRASE_FILE.write_bytes(b"another one")
    with pytest.raises(ZoneBroken, match="The private key of the audit log's checkpoints does not open"):
        checkpoint_sign(now=LATER)
    assert len(list(file_lines())) == 1


def _cut_file() -> None:
    os.truncate(checkpoint_file(), 0)


def _other_line() -> None:
    text = checkpoint_file().read_text()
    checkpoint_file().write_text(text.replace(text[200], "A" if text[200] != "A" else "B", 1))


REFUSED: dict[str, tuple[Callable[[], object], list[str]]] = {
    "file missing": (lambda: checkpoint_file().unlink(), ["file-missing"]),
    "file emptied": (_cut_file, ["file-changed"]),
    "file changed": (_other_line, ["file-changed"]),
    "end cut": (lambda: execute("delete from audit_event where sequence > 3"), ["cut"]),
    "end cut with its head": (lambda: execute("delete from audit_event where sequence > 3", "delete from audit_head"), ["cut"]),
    "emptied": (lambda: execute("delete from audit_event"), ["emptied"]),
    "edited since": (
        lambda: execute("update audit_event set actor = 'eve' where sequence = (select max(sequence) from audit_event)"),
        ["edited"],
    ),
    "head deleted": (lambda: execute("delete from audit_head"), ["head-differs"]),
    "rows deleted": (lambda: execute("delete from audit_checkpoint"), ["table-differs"]),
    "line of a row changed": (lambda: execute("update audit_checkpoint set line = 'x'"), ["table-differs"]),
    "key deleted": (lambda: execute("delete from audit_checkpointkey"), ["table-differs"]),
}


@pytest.mark.parametrize(("change", "kinds"), REFUSED.values(), ids=REFUSED)
def test_a_changed_log_is_not_signed_and_what_was_found_is_kept(signed: int, change: Callable[[], object], kinds: list[str]) -> None:
    write()
    checkpoint_sign(now=NOW)
    write()
    change()
    for _ in range(2):  # the second worker names it without reading the log again
        with pytest.raises(CheckpointRefused):
            checkpoint_sign(now=LATER)
    assert list(Finding.objects.values_list("kind", flat=True)) == kinds


def test_a_log_that_was_put_back_is_signed_again(signed: int) -> None:
    write()
    execute("update audit_event set actor = 'eve' where sequence = (select max(sequence) from audit_event)")
    with pytest.raises(CheckpointRefused):
        checkpoint_sign(now=LATER)
    execute("update audit_event set actor = 'system' where actor = 'eve'")
    assert checkpoint_sign(now=LATER) is not None
    assert not Finding.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_first_start_killed_before_the_public_key_is_continued(site_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed(monkeypatch, services, "public_key_write", 1, "before")
    assert checkpoint_sign(now=LATER) is not None
    assert public_key_file().read_text() == CheckpointKey.objects.get().public_key


def test_a_reason_of_the_longest_characters_is_signed_and_read_again(signed: int) -> None:
    checkpoint_file().unlink()
    audit_gap_accept(actor=SYSTEM, reason="\N{GRINNING FACE}" * 500, now=LATER)
    assert ([one.gap is not None for one in statements()], log_verify().findings) == ([False, True], [])


def test_a_line_that_nobody_could_read_changes_nothing(signed: int) -> None:
    checkpoint_file().unlink()
    last = Head.objects.get().sequence
    with pytest.raises(PKIError, match="Give a shorter reason"):
        audit_gap_accept(actor=SYSTEM, reason="\N{GRINNING FACE}" * 5000, now=LATER)
    assert (Head.objects.get().sequence, Checkpoint.objects.count(), checkpoint_file().exists()) == (last, 1, False)


def test_another_machine_than_the_central_node_accepts_nothing(signed: int) -> None:
    checkpoint_file().unlink()
    Node.objects.update(is_central=False)
    with pytest.raises(ZoneBroken, match="not the central node"):
        audit_gap_accept(actor=SYSTEM, reason="Tried.", now=LATER)
    assert not checkpoint_file().exists()


@pytest.mark.django_db(transaction=True)
def test_a_gap_that_could_not_be_written_to_the_file_is_kept(signed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint_file().unlink()
    with monkeypatch.context() as patch:
        patch.setattr(file, "replace", lambda *_, **__: os.open("/dev/full/none", os.O_RDONLY))
        with pytest.raises(OSError, match="directory"):
            audit_gap_accept(actor=SYSTEM, reason="The first time.", now=LATER)
    write()
    with pytest.raises(CheckpointRefused, match="The file of checkpoints is missing"):
        checkpoint_sign(now=LATER)
    audit_gap_accept(actor=SYSTEM, reason="The second time.", now=LATER)
    assert [one.gap.reason.partition(".")[0] for one in statements() if one.gap] == ["The first time", "The second time"]
    assert log_verify().findings == []


def test_a_line_is_appended_to_complete_lines_only(signed: int) -> None:
    with checkpoint_file().open("a") as lines:
        lines.write("half")
    line_append("whole")
    assert list(file_lines())[1:] == ["whole"]


def test_the_log_is_verified_as_it_is_written(signed: int) -> None:
    write(5, now=timezone.now())
    assert (log_verify().events, log_verify().findings) == (signed + 5, [])


def test_a_change_before_the_last_checkpoint_is_found_within_a_day(signed: int) -> None:
    execute("update audit_event set actor = 'eve' where sequence = 3")
    write()
    assert checkpoint_sign(now=LATER) is not None
    look_at_all()
    assert list(Finding.objects.values_list("look", "kind", "first")) == [("whole", "edited", 3)]
    execute("update audit_event set actor = 'system' where sequence = 3")
    look_at_all()
    assert not Finding.objects.exists()


def test_what_was_found_before_a_gap_was_accepted_is_not_kept(signed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = look.log_verify, count()

    def verified(*arguments: Callable[[int], None]) -> look.VerifiedLog:
        found = real(*arguments)
        if not next(calls):
            audit_gap_accept(actor=SYSTEM, reason="Lost on purpose.", now=LATER)
        return found

    checkpoint_file().unlink()
    monkeypatch.setattr(look, "log_verify", verified)
    look_at_all()
    assert (next(calls), Finding.objects.count()) == (2, 0)


def test_the_need_and_the_api_say_what_was_found_and_up_to_where_the_log_is_signed(signed: int) -> None:
    client = administrator()
    assert list(needs(Look(NOW))) == []
    found = client.get("/api/v1/audit/status/", secure=True).json()
    assert (found["state"], found["last_checkpoint"]["sequence"], found["public_key"]) == ("whole", signed, public_key_known())
    execute("delete from audit_event")
    with pytest.raises(CheckpointRefused):
        checkpoint_sign(now=LATER)
    (need,) = needs(Look(NOW))
    assert (need.code, "was emptied" in need.text, "accept_audit_gap" in need.remedy) == ("audit-log-changed", True, True)
    found = client.get("/api/v1/audit/status/", secure=True).json()
    assert (found["state"], found["last_event"], len(found["findings"])) == ("changed", 0, 1)


def test_events_that_no_worker_signs_are_a_need_after_ten_minutes(signed: int) -> None:
    write(now=LATER)
    assert list(needs(Look(LATER + timedelta(minutes=9)))) == []
    (need,) = needs(Look(LATER + timedelta(minutes=11)))
    assert (need.code, need.text) == (
        "audit-log-unsigned",
        f"The events after {signed} are older than 10 minutes, and no worker has signed them.",
    )
    checkpoint_sign(now=LATER)
    assert list(needs(Look(LATER + timedelta(minutes=11)))) == []


def test_a_worker_that_cannot_sign_is_a_need_and_one_that_finds_a_change_is_no_error(signed: int, settings) -> None:
    passphrase = settings.ROOT_PASSPHRASE_FILE.read_bytes()
    settings.ROOT_PASSPHRASE_FILE.write_bytes(b"another one")
    write(now=timezone.now())
    Checkpoint.objects.update(at=NOW - timedelta(days=1))
    with pytest.raises(ZoneBroken):
        check()
    (need,) = needs(Look(NOW))
    assert (need.code, "does not open with the root passphrase" in need.text) == ("audit-log-unsigned", True)
    settings.ROOT_PASSPHRASE_FILE.write_bytes(passphrase)
    checkpoint_file().unlink()
    PeriodicWork.objects.all().delete()  # as if the lease of the worker that failed had expired
    check()
    assert {need.code for need in needs(Look(NOW))} == {"audit-log-changed"}


@pytest.mark.parametrize(
    ("error", "success", "text"),
    [
        ("OSError: No space left on device", NOW, "The last verification failed: No space left on device"),
        ("", NOW - timedelta(days=2, minutes=1), "The last verification ended 2 days ago or earlier."),
        ("", NOW - timedelta(days=2), ""),
    ],
)
def test_a_daily_verification_that_fails_or_does_not_run_is_a_need(signed: int, error: str, success: datetime, text: str) -> None:
    PeriodicWork.objects.update_or_create(name=LOOK, defaults={"lease_until": NOW, "last_error": error, "last_success": success})
    assert [(need.code, need.text) for need in needs(Look(NOW))] == ([("audit-log-unverified", text)] if text else [])
