"""Files of the audit log: a range proves itself, a selection says that it proves nothing, and each export is an event."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from audit import verify
from audit.actors import SYSTEM, Actor
from audit.chain import last_place
from audit.checkpoints.services import audit_gap_accept, checkpoint_sign
from audit.exports import ranges
from audit.exports.services import RangeReversed, range_export
from audit.models import Checkpoint, CheckpointKey, Event, Finding
from audit.record import record
from certs.models import TrustZone
from people.roles.groups import role_give
from people.roles.registry import Role
from pki.evidence.exported import PROVES_NOTHING
from tests.audit.checkpoints.test_signing import execute, write

PATH = "/api/v1/audit/export/"
NOW = timezone.now().replace(microsecond=0) + timedelta(minutes=5)  # after the events of the site
EVENTS, SIGNED = 4, 5  # events of each checkpoint, and checkpoints


@pytest.fixture
def ends(site_directory: Path) -> list[int]:
    """The last events of the checkpoints of a site."""
    found = []
    for number in range(SIGNED):
        found.append(write(EVENTS, now=NOW))
        assert checkpoint_sign(now=NOW + timedelta(minutes=number)) is not None
    return found


@pytest.fixture
def auditor(client: Client, site_directory: Path) -> Client:
    user = User.objects.create_user("auditor")
    role_give(user, Role.AUDIT_ADMIN)
    client.force_login(user)
    return client


def text_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.content
    return "".join(part.decode() for part in answer.streaming_content)


def verified(text: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    (folder / "key").write_text(CheckpointKey.objects.get().public_key)
    (folder / "export").write_text(text)
    return verify.main([str(folder / "export"), "--public-key", str(folder / "key")]), capsys.readouterr().out


def test_a_range_proves_itself_and_is_recorded(
    ends: list[int], auditor: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, last = ends[0] + 2, ends[2] - 1
    answer = auditor.get(f"{PATH}?from={first}&to={last}", secure=True)
    assert answer["Content-Disposition"] == f'attachment; filename="audit-log-{first}-{ends[2]}.jsonl"'
    code, out = verified(text_of(answer), tmp_path, capsys)
    assert (code, out.splitlines()[0]) == (0, f"Events {first} to {ends[2]} are complete and unchanged.")
    event = Event.objects.latest("sequence")
    assert (event.actor, event.action, event.detail) == ("auditor", "audit.exported", {"first": first, "last": ends[2]})
    assert event.target_id == CheckpointKey.objects.get().pk


def test_a_range_without_its_end_goes_to_the_last_checkpoint(
    ends: list[int], auditor: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(2)  # is not signed yet
    code, out = verified(text_of(auditor.get(f"{PATH}?from=1", secure=True)), tmp_path, capsys)
    assert (code, out.splitlines()[0]) == (0, f"Events 1 to {ends[-1]} are complete and unchanged.")


def test_a_range_of_a_changed_log_shows_the_change(
    ends: list[int], auditor: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    execute(f"update audit_event set actor = 'eve' where sequence = {ends[0] + 1}")
    code, out = verified(text_of(auditor.get(f"{PATH}?from=1&to={ends[1]}", secure=True)), tmp_path, capsys)
    assert (code, out.splitlines()[0]) == (1, f"Event {ends[0] + 1} was changed after being written.")


def test_a_range_is_read_in_batches(
    ends: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ranges, "BATCH", 2)
    monkeypatch.setattr("audit.chain.BATCH", 3)
    assert verified("".join(ranges.range_closed(1).lines()), tmp_path, capsys)[0] == 0


def test_ranges_around_an_accepted_gap_prove_themselves(ends: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The database was replaced by that of the third checkpoint."""
    execute(f"delete from audit_event where sequence > {ends[2] + 1}")
    execute("delete from audit_head")
    audit_gap_accept(actor=SYSTEM, reason="restored", now=NOW + timedelta(hours=1))
    gap = last_place().sequence
    write(30, now=NOW + timedelta(hours=1))
    assert checkpoint_sign(now=NOW + timedelta(hours=2)) is not None
    for first, last in ((1, None), (1, ends[1]), (ends[2], ends[2]), (ends[2] + 1, ends[2] + 1), (gap + 1, None)):
        code, out = verified("".join(ranges.range_closed(first, last).lines()), tmp_path, capsys)
        assert code == 0, (first, last, out)
    assert verified("".join(ranges.range_closed(1).lines()), tmp_path, capsys)[1].count("Accepted gap") == 1


REFUSED = {
    "after the last checkpoint": ("?from={after}", "No checkpoint proves event {after}. The last signed event is {last}."),
    "to after the last checkpoint": ("?from=1&to={after}", "No checkpoint proves event {after}. The last signed event is {last}."),
    "far": (f"?from={2**63 - 1}", "The last signed event is {last}."),
}


@pytest.mark.parametrize(("query", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_a_range_that_nothing_proves_is_refused(query: str, why: str, ends: list[int], auditor: Client) -> None:
    facts = {"after": write(), "last": ends[-1]}
    answer = auditor.get(PATH + query.format(**facts), secure=True)
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2], why.format(**facts) in answer.json()["detail"]) == (
        409,
        "not-signed",
        True,
    )


@pytest.mark.parametrize(("kind", "status"), [("table-differs", 409), ("recomputed", 409), ("edited", 200)])
def test_no_range_is_exported_while_its_checkpoints_may_be_forged(kind: str, status: int, ends: list[int], auditor: Client) -> None:
    Finding.objects.create(look="whole", kind=kind, first=1, last=1, text="Found.", at=timezone.now())
    assert auditor.get(f"{PATH}?from=1", secure=True).status_code == status


def test_before_the_first_checkpoint_nothing_is_exported(auditor: Client) -> None:
    for query in ("?from=1", ""):
        answer = auditor.get(PATH + query, secure=True)
        assert (answer.status_code, "Start the workers" in answer.json()["detail"]) == (409, True)


def test_a_log_that_fits_no_checkpoint_is_no_evidence(ends: list[int], auditor: Client) -> None:
    Checkpoint.objects.update(digest="0" * 64)
    assert "run `verify_audit`" in auditor.get(f"{PATH}?from=1", secure=True).json()["detail"]


BAD = [
    "to=5", "from=0", "from=x", "from=5&to=4", "from=1&actor=ann", "from=1&format=csv", "format=pdf", "format=json", "from=1&from=2", "cursor=5", "page_size=5", f"from={2**63}",
    "since=yesterday", f"search={'x' * 10_000}",
]  # fmt: skip


@pytest.mark.parametrize("query", BAD)
def test_bad_input_is_refused(query: str, ends: list[int], auditor: Client) -> None:
    assert auditor.get(f"{PATH}?{query}", secure=True).status_code == 400
    assert not Event.objects.filter(action="audit.exported").exists()


def test_a_range_that_ends_before_it_begins_is_refused(ends: list[int]) -> None:
    """By the service, so by every way to it."""
    with pytest.raises(RangeReversed, match="before the first one"):
        range_export(actor=SYSTEM, first=5, last=4, now=NOW)
    assert not Event.objects.filter(action="audit.exported").exists()


def test_an_export_needs_the_permission_to_read_events(ends: list[int], client: Client) -> None:
    user = User.objects.create_user("operator")
    role_give(user, Role.DEPLOYMENT_ADMIN)
    client.force_login(user)
    for query in ("?from=1", ""):
        assert client.get(PATH + query, secure=True).status_code == 403


def test_a_selection_says_that_it_proves_nothing(ends: list[int], auditor: Client) -> None:
    record(actor=Actor("user", "=cmd()"), action="test", target=TrustZone.objects.get(), detail={"reason": "=1+1"}, now=NOW)
    first, *lines = map(json.loads, text_of(auditor.get(f"{PATH}?actor=%3Dcmd()", secure=True)).splitlines())
    assert (first["note"], first["filters"]) == (PROVES_NOTHING, {"actor": "=cmd()"})
    assert [(line["actor"], line["detail"]) for line in lines] == [("=cmd()", {"reason": "=1+1"})]
    note, columns, row = csv.reader(io.StringIO(text_of(auditor.get(f"{PATH}?actor=%3Dcmd()&format=csv", secure=True))))
    assert note == [PROVES_NOTHING]
    assert dict(zip(columns, row, strict=True)) | {"actor": "'=cmd()", "target_label": str(TrustZone.objects.get())} == dict(
        zip(columns, row, strict=True)
    )
    assert [event.detail for event in Event.objects.filter(action="audit.exported")] == [{"filters": {"actor": "=cmd()"}}] * 2


def test_a_selection_has_every_event_that_matches(ends: list[int], auditor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.exports.services.BATCH", 3)
    _, *lines = text_of(auditor.get(f"{PATH}?action=test", secure=True)).splitlines()
    assert [json.loads(line)["sequence"] for line in lines] == [*Event.objects.filter(action="test").values_list("sequence", flat=True)]
    assert text_of(auditor.get(f"{PATH}?action=nothing", secure=True)).count("\n") == 1


def test_a_file_takes_the_memory_of_a_batch(ends: list[int]) -> None:
    """The lines are read when they are sent, some at a time."""
    lines: Iterator[str] = ranges.range_closed(1).lines()
    with connection.execute_wrapper(counted := Counted()):
        next(lines)
        assert counted.queries == 0
        next(lines)
        assert counted.queries == 1


class Counted:
    queries = 0

    def __call__(self, execute: Any, *args: Any) -> Any:
        self.queries += 1
        return execute(*args)
