"""Old events are written to files, verified from them, and removed by the decision of a person. The chain goes on, and nothing is lost."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.utils import timezone

from alerts.channels.services import channel_create
from alerts.models import Channel
from attention.needs import Look
from audit.actors import SYSTEM, Actor, PermissionRefused
from audit.chain import last_place
from audit.checkpoints import look
from audit.checkpoints.file import file_lines
from audit.checkpoints.key import public_key_known
from audit.checkpoints.look import log_verify
from audit.checkpoints.services import checkpoint_sign
from audit.exports import ranges
from audit.exports.ranges import NotProved, range_closed
from audit.models import AppendOnly, Checkpoint, Event, Segment
from audit.retention import services, worker
from audit.retention.files import segment_file
from audit.retention.services import KEPT, RetentionRefused, StaleSegment, segment_remove, segment_transition, segments_close
from audit.retention.states import TRANSITIONS, SegmentStatus
from jobs.models import Job
from jobs.registry import Retry
from jobs.services import job_create
from pki.core.errors import PKIError
from pki.evidence.checkpoints import chain_of, public_key_from
from qmc.audit_log.attention import needs
from sealing.errors import ZoneBroken
from sitekit.engines import ENGINES, engine
from sitekit.site import ROOT
from tests import factories
from tests.audit.checkpoints.test_signing import execute, write
from tests.slow import one_of

NOW = timezone.now().replace(microsecond=0) + timedelta(minutes=5)  # after the events of the site
LATER = NOW + KEPT + timedelta(days=2)
OLD = NOW + timedelta(days=1)


class Person:
    def __init__(self, *permissions: str) -> None:
        self.permissions = permissions

    def has_perm(self, perm: str) -> bool:
        return perm in self.permissions


ANN, EVE = Actor("user", "ann", Person("audit.remove_event")), Actor("user", "eve", Person("audit.view_event"))


@pytest.fixture
def ends(site_directory: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The last events of three checkpoints. The newest events are later than `OLD`, and so is the time of workers."""
    monkeypatch.setattr(worker, "timezone", SimpleNamespace(now=lambda: LATER))
    found = []
    for number in range(3):
        found.append(write(4, now=NOW))
        assert checkpoint_sign(now=NOW + timedelta(minutes=number)) is not None
    write(4, now=LATER)
    assert checkpoint_sign(now=LATER) is not None
    return found


def advance(segment: Segment) -> None:
    while job := Job.objects.unfinished().filter(subject=segment.pk).first():
        worker.segment_advance(job=job)
    segment.refresh_from_db()


def written() -> Segment:
    (segment,) = segments_close(actor=ANN, before=OLD, now=LATER)
    advance(segment)
    assert segment.status == SegmentStatus.WRITTEN, segment.problem
    return segment


def remove(segment: Segment) -> None:
    segment_remove(actor=ANN, segment=segment, reason="The law allows it.", now=LATER)


def test_old_events_are_removed_after_their_file_is_verified(ends: list[int]) -> None:
    segment = written()
    assert (segment.first, segment.last, segment_file(segment).stat().st_size) == (1, ends[-1], segment.size)
    assert segment_file(segment).stat().st_mode & 0o777 == 0o600
    remove(segment)
    assert Event.objects.filter(sequence=1).exists()  # only a worker removes
    advance(segment)
    assert segment.status == SegmentStatus.REMOVED
    assert Event.objects.order_by("sequence")[0].sequence == ends[-1] + 1
    verified = log_verify()
    assert (verified.findings, segment.checkpoint) == ([], Checkpoint.objects.signed().last().number)  # type: ignore[union-attr]
    write(2, now=LATER)
    assert checkpoint_sign(now=LATER + timedelta(minutes=1)) is not None
    assert log_verify().findings == []


def test_each_step_is_an_event_with_its_person(ends: list[int]) -> None:
    segment = written()
    remove(segment)
    advance(segment)
    events = Event.objects.filter(target_id=segment.pk).order_by("sequence")
    assert [(event.actor, event.detail.get("to"), event.detail.get("reason")) for event in events] == [
        ("ann", None, None), ("system", "written", None), ("ann", "removing", "The law allows it."), ("system for ann", "removed", None),
    ]  # fmt: skip


def test_a_log_whose_start_was_removed_otherwise_is_found(ends: list[int]) -> None:
    segment = written()
    remove(segment)
    advance(segment)
    execute(f"delete from audit_event where sequence = {ends[-1] + 1}")
    (found,) = log_verify().findings
    assert (found.kind, found.first, found.last) == ("removed", ends[-1] + 1, ends[-1] + 1)


def test_ranges_begin_after_what_was_removed(ends: list[int]) -> None:
    segment = written()
    remove(segment)
    advance(segment)
    assert range_closed(1).header.first == ends[-1] + 1
    with pytest.raises(RetentionRefused, match="Give a later time"):
        written()


@pytest.mark.parametrize("most", [1, 5, 6, 100])
def test_segments_follow_each_other_and_end_at_checkpoints(most: int, ends: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST_IN_SEGMENT", most)
    segments = segments_close(actor=ANN, before=OLD, now=LATER)
    assert [segment.first for segment in segments] == [1, *(segment.last + 1 for segment in segments[:-1])]
    assert {segment.last for segment in segments} <= {*ends}
    assert segments[-1].last == ends[-1]


@pytest.fixture
def three(ends: list[int], monkeypatch: pytest.MonkeyPatch) -> list[Segment]:
    monkeypatch.setattr(services, "MOST_IN_SEGMENT", 5)
    segments = segments_close(actor=ANN, before=OLD, now=LATER)
    for segment in segments:
        advance(segment)
    assert len(segments) == 3
    return segments


def test_the_log_is_removed_from_its_start(three: list[Segment]) -> None:
    with pytest.raises(RetentionRefused, match="from its start"):
        remove(three[1])
    remove(three[0])
    remove(three[1])
    with pytest.raises(Retry, match="before these"):
        advance(three[1])
    advance(three[0])
    advance(three[1])
    assert (three[1].status, log_verify().findings) == (SegmentStatus.REMOVED, [])
    advance(three[2])
    assert three[2].status == SegmentStatus.WRITTEN


DAMAGED: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "emptied": lambda path: path.write_text(""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-10]),
    "changed": lambda path: path.write_bytes(path.read_bytes().replace(b'"system"', b'"nobody"', 1)),
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_file_that_was_damaged_since_removes_nothing(damage: Callable[[Path], object], three: list[Segment]) -> None:
    """The same events can then be written to a file again, and removed."""
    damage(segment_file(three[0]))
    remove(three[0])
    remove(three[1])
    advance(three[0])
    assert (three[0].status, "No event was removed" in three[0].problem, Event.objects.filter(sequence=1).exists()) == (
        "failed",
        True,
        True,
    )
    with pytest.raises(Retry, match="before these"):
        advance(three[1])
    (again,) = segments_close(actor=ANN, before=OLD, now=LATER)
    assert (again.first, again.last) == (three[0].first, three[0].last)
    advance(again)
    remove(again)
    advance(again)
    advance(three[1])
    assert (again.status, three[1].status, log_verify().findings) == ("removed", "removed", [])


def test_a_log_that_was_changed_is_not_removed(ends: list[int]) -> None:
    execute("update audit_event set actor = 'eve' where sequence = 2")
    (segment,) = segments_close(actor=ANN, before=OLD, now=LATER)
    advance(segment)
    assert (segment.status, "Event 2 was changed" in segment.problem) == ("failed", True)
    with pytest.raises(RetentionRefused, match="failed"):
        remove(segment)
    assert [need.title for need in needs(Look(LATER)) if need.code == "audit-segment-failed"] == [
        f"Old {segment} could not be written to a file"
    ]
    execute("update audit_event set actor = 'system' where sequence = 2")
    segments_close(actor=ANN, before=OLD, now=LATER)
    assert "audit-segment-failed" not in {need.code for need in needs(Look(LATER))}


def test_a_log_that_is_not_what_was_signed_is_not_removed(ends: list[int]) -> None:
    segment = written()
    remove(segment)
    decided = last_place()
    assert checkpoint_sign(now=LATER) is not None
    write(2, now=LATER)
    assert checkpoint_sign(now=LATER) is not None
    execute(f"delete from audit_event where sequence > {decided.sequence}", f"update audit_head set sequence = {decided.sequence}")
    with pytest.raises(Retry, match="cannot be signed"):
        advance(segment)
    assert Event.objects.filter(sequence=1).exists()


def forged(segment: Segment) -> None:
    """What somebody who writes to the database only does, to have the removal signed."""
    Segment.objects.filter(pk=segment.pk).update(status=SegmentStatus.REMOVING, decided_by="ann", decided_at=LATER, checkpoint=1)
    job_create(task=services.TASK, subject=segment.pk, title="Remove", actor="ann", now=LATER)
    segment.refresh_from_db()


def forged_in_log(segment: Segment) -> None:
    """An old event, which is signed, is made the decision."""
    forged(segment)
    detail = {"to": "removing", "first": segment.first, "last": segment.last, "sha256": segment.sha256}
    event = Event.objects.get(action="audit.segment_transition", target_id=segment.pk)
    assert checkpoint_sign(now=LATER) is not None
    execute(f"update audit_event set actor = 'ann', detail = '{json.dumps(detail)}' where sequence = {event.sequence}")


@pytest.mark.parametrize("forge", [forged, forged_in_log])
def test_a_removal_that_nobody_decided_is_not_signed(forge: Callable[[Segment], None], ends: list[int]) -> None:
    segment = written()
    forge(segment)
    advance(segment)
    assert (segment.status, "nothing was removed" in segment.problem) == ("failed", True)
    assert Event.objects.filter(sequence=1).exists()
    assert not any(one.removed for one in chain_of(file_lines(), public_key_from(public_key_known())))


def test_what_is_signed_is_from_the_file_and_not_from_the_row(ends: list[int]) -> None:
    segment = written()
    digest = segment.digest
    remove(segment)
    Segment.objects.filter(pk=segment.pk).update(digest="0" * 64)
    advance(segment)
    (removed,) = filter(None, (one.removed for one in chain_of(file_lines(), public_key_from(public_key_known()))))
    assert (removed.sequence, removed.digest, removed.sha256, removed.by) == (segment.last, digest, segment.sha256, "ann")


def test_events_that_were_signed_a_short_time_ago_are_not_removed(ends: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    segment = written()
    remove(segment)
    monkeypatch.setattr(services, "KEPT", KEPT * 2)
    with pytest.raises(Retry, match="stay in the database"):
        advance(segment)
    assert Event.objects.filter(sequence=1).exists()


@pytest.mark.parametrize(("batch", "what"), [(0, "No event was removed"), (5, "The events 1 to 5 were in this file alone")])
def test_a_file_that_is_lost_after_the_removal_was_signed_ends_it(
    batch: int, what: str, ends: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = written()
    remove(segment)
    monkeypatch.setattr(worker, "BATCH", batch)
    monkeypatch.setattr(worker, "AT_A_STRETCH_S", 0.0)
    worker.segment_advance(job=Job.objects.unfinished().get(subject=segment.pk))
    if batch:
        worker._remove_batch(segment, now=LATER)
    segment_file(segment).unlink()
    worker.segment_advance(job=Job.objects.unfinished().get(subject=segment.pk))
    segment.refresh_from_db()
    assert (segment.status, what in segment.problem, Event.objects.order_by("sequence")[0].sequence) == ("failed", True, batch + 1)


@pytest.mark.parametrize("fault", [ZoneBroken("The passphrase is wrong."), PKIError("The key cannot be read.")], ids=["zone", "key"])
def test_a_fault_that_can_end_does_not_end_a_decided_removal(fault: Exception, ends: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    segment = written()
    remove(segment)

    def refuse(**_: Any) -> None:
        raise fault

    with monkeypatch.context() as patched:
        patched.setattr(worker, "checkpoint_sign", refuse)
        with pytest.raises(Retry, match=str(fault)):
            advance(segment)
    advance(segment)
    assert segment.status == SegmentStatus.REMOVED


@pytest.mark.parametrize("module", [look, ranges], ids=["look", "export"])
def test_events_that_are_removed_while_they_are_read_are_no_finding(module: Any, ends: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """An export ends: its file would not be complete."""
    segment, read = written(), module.events_after
    remove(segment)

    def removed_meanwhile(sequence: int) -> Iterator[Event]:
        monkeypatch.setattr(module, "events_after", read)
        yield from Event.objects.filter(sequence__gt=sequence).order_by("sequence")[:3]
        advance(segment)
        yield from read(sequence + 3)

    closed = range_closed(1)
    monkeypatch.setattr(module, "events_after", removed_meanwhile)
    if module is look:
        assert log_verify().findings == []
    else:
        with pytest.raises(NotProved, match="removed while they were written"):
            list(closed.lines())
    assert segment.status == SegmentStatus.REMOVED


def test_what_somebody_must_still_get_is_not_removed(ends: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    needed = ["The channel ops has not got them."]
    monkeypatch.setattr(services, "_readers", [lambda last: needed[0] if last >= ends[0] else ""])
    segment = written()
    with pytest.raises(RetentionRefused, match="The channel ops"):
        remove(segment)
    needed[0] = ""
    remove(segment)
    needed[0] = "The channel web has not got them."
    with pytest.raises(Retry, match="The channel web"):
        advance(segment)
    needed[0] = ""
    advance(segment)
    assert segment.status == SegmentStatus.REMOVED


def test_only_a_person_with_the_permission_decides(ends: list[int]) -> None:
    with pytest.raises(PermissionRefused):
        segments_close(actor=EVE, before=OLD, now=LATER)
    segment = written()
    with pytest.raises(PermissionRefused):
        segment_remove(actor=EVE, segment=segment, reason="x", now=LATER)
    with pytest.raises(RetentionRefused, match="A person must decide"):
        segment_remove(actor=SYSTEM, segment=segment, reason="x", now=LATER)
    assert Segment.objects.get().status == SegmentStatus.WRITTEN


def test_new_events_stay(ends: list[int]) -> None:
    with pytest.raises(RetentionRefused, match="last 30 days"):
        segments_close(actor=ANN, before=LATER, now=LATER)


def test_before_the_first_checkpoint_nothing_is_written(site_directory: Path) -> None:
    with pytest.raises(NotProved):
        segments_close(actor=ANN, before=OLD, now=LATER)


def test_a_decision_is_made_once(ends: list[int]) -> None:
    segment = written()
    other = Segment.objects.get()
    remove(segment)
    with pytest.raises(StaleSegment):
        remove(other)


@pytest.mark.parametrize(("old", "new"), [(old, new) for old in SegmentStatus for new in SegmentStatus])
def test_every_pair_of_states(old: SegmentStatus, new: SegmentStatus, db: None) -> None:
    segment = Segment.objects.create(
        first=1, last=2, digest="x", since=NOW, until=NOW, status=old, created_at=NOW, created_by="ann",
    )  # fmt: skip
    if new in TRANSITIONS[old]:
        segment_transition(segment=segment, to=new, actor=ANN, now=NOW)
        assert Segment.objects.get().status == new
    else:
        with pytest.raises(RetentionRefused):
            segment_transition(segment=segment, to=new, actor=ANN, now=NOW)


def test_nothing_else_removes_events(ends: list[int]) -> None:
    with pytest.raises(AppendOnly):
        Event.objects.filter(sequence=1).delete()
    with pytest.raises(AppendOnly):
        Event.objects.get(sequence=1).delete()


def test_the_command_writes_and_removes_nothing(
    ends: list[int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(services, "KEPT", -2 * KEPT)
    call_command("close_audit_segments", before=OLD.isoformat())
    segment = Segment.objects.get()
    assert (segment.status, f"Events 1 to {ends[-1]}" in (out := capsys.readouterr().out), segment.sha256 in out) == ("written", True, True)
    with pytest.raises(CommandError, match="Give a later time"):
        call_command("close_audit_segments", before=OLD.isoformat())


def test_the_command_takes_a_time(ends: list[int]) -> None:
    for text in ("yesterday", "2026-01-01T00:00:00"):
        with pytest.raises(CommandError, match="Give it as"):
            call_command("close_audit_segments", before=text)
    with pytest.raises(CommandError, match="last 30 days"):
        call_command("close_audit_segments", before=timezone.now().isoformat())


def test_a_session_signs_in_again_before_it_removes(ends: list[int], client: Client) -> None:
    path = f"/api/v1/audit/segments/{written().pk}/remove/"
    ann = factories.root_admin("ann")
    ann.set_password("a long password")
    ann.save()
    client.force_login(ann)
    answer = client.post(path, {"reason": "old"}, content_type="application/json", secure=True)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:trust-zone:fresh-sign-in-required")
    assert client.get("/api/v1/audit/segments/", secure=True).json()["results"][0]["status"] == "written"


def test_a_channel_gets_its_changes_before_they_are_removed(ends: list[int]) -> None:
    channel = channel_create(actor=SYSTEM, name="ops", kind="webhook", values={"url": "https://hooks.example/q"}, now=NOW)
    Channel.objects.filter(pk=channel.pk).update(state_changes=["nodes"], last_sequence=0)
    with pytest.raises(RetentionRefused, match="The channel ops has not received"):
        remove(written())


@pytest.mark.both_engines
@pytest.mark.parametrize("on", one_of(len(ENGINES), ENGINES))
def test_a_worker_that_is_killed_at_any_step_loses_nothing(on: str, tmp_path: Path) -> None:
    with engine(on, tmp_path / "engine") as environment:
        own = {name: value for name, value in os.environ.items() if not name.startswith("QMC_")}
        own |= {"QMC_DATA_DIR": str(tmp_path / "site"), "DJANGO_SETTINGS_MODULE": "qmc.settings"} | environment
        init = ["manage.py", "init", "--host-name", "central.example", "--node-api-address", "127.0.0.1:4242"]
        for words in (init, ["-m", "tests.audit.retention.retained"]):
            ended = subprocess.run([sys.executable, *words], cwd=ROOT, env=own, capture_output=True, text=True, check=False)
            assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    said = found.pop("verify_audit")
    assert "The audit log is whole." in said
    assert said.count("Retention: ann removed the events up to ") >= len(found)
    assert found == {step: [True, True, "removed", True, True, True] for step in found}
    assert len(found) == 13
