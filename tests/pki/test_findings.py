"""Each kind of tampering with an audit log is found, and named, from the events and the checkpoints alone."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki.evidence.checkpoints import Checkpoint, Gap, Removed
from pki.evidence.events import Place, RecordedEvent, digest_of
from pki.evidence.findings import MOST, Finding, FindingKind, examined
from tests.slow import examples

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
ZONE = uuid.UUID(int=9)
LENGTH, EVERY = 40, 5
K = FindingKind
Events = list[RecordedEvent]
Found = list[tuple[FindingKind, int, int]]


def written(number: int, *, by: str = "") -> RecordedEvent:
    """Event `number` of a log that eight processes write. Their clocks differ by up to 3 s."""
    writer = number * 5 % 8
    at = NOW + timedelta(seconds=60 * number + writer % 4)
    return RecordedEvent(
        number, uuid.UUID(int=number), at, by or f"writer {writer}", "node.changed", "nodes.node", uuid.UUID(int=writer), f"node {writer}",
        {"number": number}, "", "", request_id=f"{writer:x}" if writer % 3 else "",
    )  # fmt: skip


def chained(events: list[RecordedEvent], start: Place = Place()) -> Events:  # noqa: B008
    """The events with new numbers, and digests from `start` on."""
    made, place = [], start
    for event in events:
        event = replace(event, sequence=place.sequence + 1, previous=place.digest)
        event = replace(event, digest=digest_of(event))
        place = Place(event.sequence, event.digest)
        made.append(event)
    return made


def signed_at(events: Events, *sequences: int) -> list[Checkpoint]:
    by_sequence = {event.sequence: event for event in events}
    return [
        Checkpoint(ZONE, number, sequence, by_sequence[sequence].digest, by_sequence[sequence].at + timedelta(seconds=50), "")
        for number, sequence in enumerate(sequences, 1)
    ]


WHOLE = chained([written(number) for number in range(1, LENGTH + 1)])
CHECKPOINTS = signed_at(WHOLE, *range(EVERY, LENGTH + 1, EVERY))


def end_of(events: Events) -> Place:
    return Place(events[-1].sequence, events[-1].digest) if events else Place()


@dataclass
class Log:
    """What a database and the file outside it have. `head` follows the events where a test does not set it."""

    events: Events
    head: Place | None = None
    table: Place | None = None

    def found(self, checkpoints: list[Checkpoint] = CHECKPOINTS) -> Found:
        findings = examined(iter(self.events), iter(checkpoints), head=self.head or end_of(self.events), table=self.table)
        return [(one.kind, one.first, one.last) for one in findings]


def at(events: Events, sequence: int, **changes: object) -> Events:
    return [replace(event, **changes) if event.sequence == sequence else event for event in events]


def redigested(events: Events, sequence: int, **changes: object) -> Events:
    return [replace(new, digest=digest_of(new)) if new.sequence == sequence else new for new in at(events, sequence, **changes)]


def without(events: Events, *sequences: int) -> Events:
    return [event for event in events if event.sequence not in sequences]


def renumbered(events: Events) -> Events:
    return [replace(event, sequence=number) for number, event in enumerate(events, 1)]


def swapped(events: Events, one: int, other: int) -> Events:
    """Each has the number of the other, and else its own content."""
    places = {one: other, other: one}
    return sorted(
        (replace(event, sequence=places.get(event.sequence, event.sequence)) for event in events), key=lambda event: event.sequence
    )


def swapped_contents(events: Events, one: int, other: int) -> Events:
    """Each has content, previous digest and digest that it would have if it had been written in the place of the other."""
    places = {one: other, other: one}
    made = []
    for event in events:
        if event.sequence in places:
            moved = replace(events[places[event.sequence] - 1], sequence=event.sequence, previous=event.previous)
            event = replace(moved, digest=digest_of(moved))
        made.append(event)
    return made


def anew(events: Events, first: int, change: Callable[[Events], Events]) -> Events:
    """The events from `first` on are changed and computed anew."""
    kept = events[: first - 1]
    return kept + chained(change(events[first - 1 :]), end_of(kept))


def inserted(events: Events, before: int, count: int = 1, *, digests: bool = True) -> Events:
    """Further events before the event `before`. All later events have new numbers, and their own digests."""
    kept, later = events[: before - 1], events[before - 1 :]
    further = [replace(written(900 + number, by="eve"), sequence=before + number) for number in range(count)]
    further = chained(further, end_of(kept)) if digests else [replace(event, digest="0" * 64) for event in further]
    return kept + further + [replace(event, sequence=event.sequence + count) for event in later]


def later(events: Events, count: int) -> Events:
    """Events that the site wrote a day later."""
    return events + chained([replace(written(number), at=NOW + timedelta(days=1)) for number in range(count)], end_of(events))


def eve(events: Events) -> Events:
    return [replace(events[0], actor="eve"), *events[1:]]


END = Place(LENGTH, WHOLE[-1].digest)
TAMPERED: dict[str, tuple[Log, Found]] = {
    "nothing": (Log(WHOLE), []),
    "nothing, and it goes on": (Log(later(WHOLE, 3)), []),
    # edited
    "an actor is edited": (Log(at(WHOLE, 17, actor="eve")), [(K.EDITED, 17, 17)]),
    "a detail is edited": (Log(at(WHOLE, 17, detail={"number": 18})), [(K.EDITED, 17, 17)]),
    "a default is edited": (Log(at(WHOLE, 17, outcome="refused")), [(K.EDITED, 17, 17)]),
    "an address is added": (Log(at(WHOLE, 17, address="10.4.2.1")), [(K.EDITED, 17, 17)]),
    "a digest is edited": (Log(at(WHOLE, 17, digest="0" * 64)), [(K.EDITED, 17, 17)]),
    "a previous digest is edited": (Log(at(WHOLE, 17, previous="0" * 64)), [(K.EDITED, 17, 17)]),
    "one is edited with its digest": (Log(redigested(WHOLE, 17, actor="eve")), [(K.EDITED, 17, 17)]),
    "a signed one is edited with its digest": (Log(redigested(WHOLE, 20, actor="eve")), [(K.EDITED, 20, 20)]),
    "the first one is edited": (Log(at(WHOLE, 1, actor="eve")), [(K.EDITED, 1, 1)]),
    "the first one is edited with its digest": (Log(redigested(WHOLE, 1, actor="eve")), [(K.EDITED, 1, 1)]),
    "the last one is edited": (Log(at(WHOLE, LENGTH, actor="eve")), [(K.EDITED, LENGTH, LENGTH)]),
    "neighbors are edited": (Log(at(at(WHOLE, 17, actor="eve"), 18, actor="eve")), [(K.EDITED, 17, 18)]),
    "neighbors are edited with digests": (Log(redigested(redigested(WHOLE, 17, actor="eve"), 18, actor="eve")), [(K.EDITED, 17, 18)]),
    "two are edited": (Log(at(at(WHOLE, 17, actor="eve"), 30, actor="eve")), [(K.EDITED, 17, 17), (K.EDITED, 30, 30)]),
    "all are edited": (Log([replace(event, actor="eve") for event in WHOLE]), [(K.EDITED, 1, LENGTH)]),
    "the row of the end is edited": (Log(WHOLE, head=Place(LENGTH, "0" * 64)), [(K.HEAD_DIFFERS, LENGTH, LENGTH)]),
    "the row of the end is reset": (Log(WHOLE, head=Place(1, WHOLE[0].digest)), [(K.HEAD_DIFFERS, LENGTH, LENGTH)]),
    "the row of the end is missing": (Log(WHOLE, head=Place(0, "x")), [(K.HEAD_DIFFERS, LENGTH, LENGTH)]),
    "the row of the end has a later number": (Log(WHOLE, head=Place(LENGTH + 50, WHOLE[-1].digest)), [(K.HEAD_DIFFERS, LENGTH, LENGTH)]),
    # reordered
    "two neighbors change places": (Log(swapped(WHOLE, 17, 18)), [(K.REORDERED, 17, 18)]),
    "two change places": (Log(swapped(WHOLE, 7, 33)), [(K.REORDERED, 7, 33)]),
    "signed ones change places": (Log(swapped(WHOLE, 10, 20)), [(K.REORDERED, 10, 20)]),
    "the first two change places": (Log(swapped(WHOLE, 1, 2)), [(K.REORDERED, 1, 2)]),
    "the last two change places": (Log(swapped(WHOLE, 39, 40), head=END), [(K.REORDERED, 39, 40)]),
    "two change places, with digests": (Log(swapped_contents(WHOLE, 7, 33)), [(K.REORDERED, 7, 33)]),
    "two lines of a file change places": (Log([*WHOLE[:16], WHOLE[17], WHOLE[16], *WHOLE[18:]]), [(K.REORDERED, 17, 18)]),
    "distant lines of a file change places": (Log([*WHOLE[:6], WHOLE[9], *WHOLE[7:9], WHOLE[6], *WHOLE[10:]]), [(K.REORDERED, 7, 10)]),
    # inserted
    "one is inserted": (Log(inserted(WHOLE, 17)), [(K.INSERTED, 17, 17)]),
    "one is inserted without a digest": (Log(inserted(WHOLE, 17, digests=False)), [(K.INSERTED, 17, 17)]),
    "one is inserted after a signed one": (Log(inserted(WHOLE, 21)), [(K.INSERTED, 21, 21)]),
    "three are inserted": (Log(inserted(WHOLE, 17, 3)), [(K.INSERTED, 17, 19)]),
    "seven are inserted": (Log(inserted(WHOLE, 17, 7)), [(K.INSERTED, 17, 23)]),
    "one is inserted before the first one": (Log(inserted(WHOLE, 1)), [(K.INSERTED, 1, 1)]),
    "one is inserted before the last one": (Log(inserted(WHOLE, LENGTH)), [(K.INSERTED, LENGTH, LENGTH)]),
    "two are inserted": (Log(inserted(inserted(WHOLE, 30), 17)), [(K.INSERTED, 17, 17), (K.INSERTED, 31, 31)]),
    "one is number 0": (Log([replace(written(1), sequence=0), *WHOLE]), [(K.INSERTED, 0, 0)]),
    "a line of a file is there twice": (Log([*WHOLE[:17], WHOLE[16], *WHOLE[17:]]), [(K.INSERTED, 17, 17)]),
    "one is appended": (Log(chained([*WHOLE, written(99)]), head=END), [(K.INSERTED, 41, 41)]),
    "a copy is appended": (Log([*WHOLE, replace(WHOLE[-1], sequence=41)], head=END), [(K.INSERTED, 41, 41)]),
    # removed
    "one is removed": (Log(without(WHOLE, 17)), [(K.REMOVED, 17, 17)]),
    "a signed one is removed": (Log(without(WHOLE, 20)), [(K.REMOVED, 20, 20)]),
    "some are removed": (Log(without(WHOLE, *range(17, 23))), [(K.REMOVED, 17, 22)]),
    "the first ones are removed": (Log(without(WHOLE, *range(1, 8))), [(K.REMOVED, 1, 7)]),
    "one is removed, and numbers follow": (Log(renumbered(without(WHOLE, 17))), [(K.REMOVED, 17, 17)]),
    "the first is removed, and numbers follow": (Log(renumbered(without(WHOLE, 1))), [(K.REMOVED, 1, 1)]),
    "six are removed, and numbers follow": (Log(renumbered(without(WHOLE, *range(17, 23)))), [(K.REMOVED, 17, 22)]),
    "one is removed, and its neighbor edited": (Log(at(without(WHOLE, 17), 18, actor="eve")), [(K.REMOVED, 17, 17), (K.EDITED, 18, 18)]),
    # recomputed
    "computed anew": (Log(anew(WHOLE, 17, eve)), [(K.RECOMPUTED, 16, LENGTH)]),
    "computed anew from the first one": (Log(anew(WHOLE, 1, eve)), [(K.RECOMPUTED, 1, LENGTH)]),
    "computed anew from after a signed one": (Log(anew(WHOLE, 21, eve)), [(K.RECOMPUTED, 21, LENGTH)]),
    "computed anew without one": (Log(anew(WHOLE, 17, lambda events: events[1:])), [(K.RECOMPUTED, 16, LENGTH - 1)]),
    "computed anew without many": (Log(anew(WHOLE, 17, lambda events: events[9:])), [(K.RECOMPUTED, 16, LENGTH - 9)]),
    "computed anew with one more": (Log(anew(WHOLE, 17, lambda events: [written(99), *events])), [(K.RECOMPUTED, 16, LENGTH + 1)]),
    "computed anew, and it goes on": (Log(later(anew(WHOLE, 17, eve), 3)), [(K.RECOMPUTED, 16, LENGTH + 3)]),
    "a part is computed anew": (Log([*anew(WHOLE, 7, eve)[:22], *WHOLE[22:]]), [(K.RECOMPUTED, 6, 22)]),
    # cut
    "cut": (Log(WHOLE[:33], head=END), [(K.CUT, 34, LENGTH)]),
    "cut with the head row": (Log(WHOLE[:33], table=END), [(K.CUT, 34, LENGTH)]),
    "cut to a signed one with the head row": (Log(WHOLE[:30], table=END), [(K.CUT, 31, LENGTH)]),
    "cut with the head row, and it goes on": (Log(later(WHOLE[:33], 3), table=END), [(K.CUT, 34, LENGTH)]),
    "cut with the head row, and it goes on for long": (Log(later(WHOLE[:33], 30), table=END), [(K.CUT, 34, LENGTH)]),
    "the last one is cut": (Log(WHOLE[:-1], head=END), [(K.CUT, LENGTH, LENGTH)]),
    "all but one is cut with the head row": (Log(WHOLE[:1], table=END), [(K.CUT, 2, LENGTH)]),
    "cut beyond what was signed": (Log(WHOLE, head=Place(45, "0" * 64)), [(K.CUT, 41, 45)]),
    # emptied
    "emptied": (Log([], head=END), [(K.EMPTIED, 1, LENGTH)]),
    "emptied with the head row": (Log([]), [(K.EMPTIED, 1, LENGTH)]),
    "emptied with the head row, and it goes on": (Log(later([], 3)), [(K.EMPTIED, 1, LENGTH)]),
    # an older database
    "an older database": (Log(WHOLE[:33], table=Place(30, "x")), [(K.OLDER_DATABASE, 34, LENGTH)]),
    "an older database of a signed time": (Log(WHOLE[:30], table=Place(30, "x")), [(K.OLDER_DATABASE, 31, LENGTH)]),
    "an older database, and it goes on": (Log(later(WHOLE[:33], 3), table=Place(30, "x")), [(K.OLDER_DATABASE, 34, LENGTH)]),
    "an older database, and it goes on for long": (Log(later(WHOLE[:33], 30), table=Place(30, "x")), [(K.OLDER_DATABASE, 34, LENGTH)]),
    "a database older than the checkpoints": (Log(WHOLE[:3]), [(K.OLDER_DATABASE, 4, LENGTH)]),
}  # fmt: skip


@pytest.mark.parametrize(("log", "found"), TAMPERED.values(), ids=TAMPERED.keys())
def test_each_kind_of_tampering_has_its_name(log: Log, found: Found) -> None:
    assert log.found() == found


# What the chain shows without checkpoints: whoever computes it anew, or cuts it with the row of its end, is not found. So there are checkpoints.
@pytest.mark.parametrize(
    "name",
    ["an actor is edited", "one is edited with its digest", "two change places", "one is inserted", "one is removed", "cut", "emptied"],
)
def test_the_chain_alone_shows_what_does_not_compute_it_anew(name: str) -> None:
    log, found = TAMPERED[name]
    assert log.found([]) == found


@pytest.mark.parametrize("name", ["computed anew", "cut with the head row", "emptied with the head row", "an older database"])
def test_only_checkpoints_show_the_rest(name: str) -> None:
    assert TAMPERED[name][0].found([]) == []


def accepted(before: Place, log: Events, after: int) -> list[Checkpoint]:
    """The checkpoints with an accepted gap: `log` goes on after its event `after`."""
    number, place = len(CHECKPOINTS) + 1, Place(after, log[after - 1].digest)
    gap = Checkpoint(ZONE, number, after + 1, log[after].digest, NOW + timedelta(days=1), "", gap=Gap("restored", "ann", before, place))
    return [*CHECKPOINTS, gap, *signed_at(log, len(log))]


RESTORED = later(WHOLE[:33], 30)
ANEW = later(anew(WHOLE, 17, eve), 10)
GAPS: dict[str, tuple[Events, Events, int, Found]] = {
    "a restored database": (RESTORED, RESTORED, 33, []),
    "a log that was computed anew": (ANEW, ANEW, LENGTH, []),
    "edited before the gap": (at(RESTORED, 7, actor="eve"), RESTORED, 33, [(K.EDITED, 7, 7)]),
    "edited after the gap": (at(RESTORED, 37, actor="eve"), RESTORED, 33, [(K.EDITED, 37, 37)]),
    "computed anew from before the gap": (anew(RESTORED, 7, eve), RESTORED, 33, [(K.RECOMPUTED, 6, 63)]),
    "computed anew from after the gap": (anew(RESTORED, 36, eve), RESTORED, 33, [(K.RECOMPUTED, 35, 63)]),
    "computed anew once more": (anew(ANEW, 7, eve), ANEW, LENGTH, [(K.RECOMPUTED, 6, 50)]),
    "cut to before the gap": (RESTORED[:20], RESTORED, 33, [(K.OLDER_DATABASE, 21, 63)]),
    "emptied": ([], RESTORED, 33, [(K.EMPTIED, 1, 63)]),
}


@pytest.mark.parametrize(("events", "log", "after", "found"), GAPS.values(), ids=GAPS.keys())
def test_an_accepted_gap_is_no_finding_and_hides_none(events: Events, log: Events, after: int, found: Found) -> None:
    assert Log(events).found(accepted(END, log, after)) == found


REMOVED = [*CHECKPOINTS, replace(CHECKPOINTS[-1], number=9, removed=Removed(20, WHOLE[19].digest, "00", "ann"))]
RETAINED: dict[str, tuple[Events, Found]] = {
    "before the rows are removed": (WHOLE, []),
    "while the rows are removed": (WHOLE[7:], []),
    "removed": (WHOLE[20:], []),
    "one more is removed": (WHOLE[21:], [(K.REMOVED, 21, 21)]),
    "one in the middle of what remains": (without(WHOLE[20:], 30), [(K.REMOVED, 30, 30)]),
    "the first that remains is edited": (at(WHOLE[20:], 21, actor="eve"), [(K.EDITED, 21, 21)]),
    "the first that remains is edited with its digest": (redigested(WHOLE[20:], 21, actor="eve"), [(K.EDITED, 21, 21)]),
    "another log from there on": (chained(WHOLE[20:], Place(20, "00" * 32)), [(K.RECOMPUTED, 1, LENGTH)]),
    "all": ([], [(K.EMPTIED, 21, LENGTH)]),
}


@pytest.mark.parametrize(("events", "found"), RETAINED.values(), ids=RETAINED.keys())
def test_what_retention_removed_is_no_finding(events: Events, found: Found) -> None:
    assert Log(events).found(REMOVED) == found


def test_what_was_removed_without_a_checkpoint_is_found() -> None:
    assert Log(WHOLE[20:]).found() == [(K.REMOVED, 1, 20)]


def test_a_part_is_examined_from_its_start() -> None:
    start = Place(20, WHOLE[19].digest)
    assert examined(WHOLE[20:], CHECKPOINTS, start=start) == []
    assert [one.kind for one in examined(WHOLE[20:], CHECKPOINTS, start=Place(20, "0"))] == [K.EDITED]
    assert [one.kind for one in examined(WHOLE[21:], CHECKPOINTS, start=start)] == [K.REMOVED]
    assert [one.kind for one in examined([], CHECKPOINTS[:4], start=start)] == []


def test_events_that_others_write_meanwhile_are_no_finding() -> None:
    log = later(WHOLE, 4)
    assert examined(log, CHECKPOINTS, head=END, head_after=lambda: end_of(log)) == []
    assert examined(log[:-2], CHECKPOINTS, head=END, head_after=lambda: end_of(log)) == []
    (found,) = examined(log, CHECKPOINTS, head=END, head_after=lambda: end_of(log[:-1]))
    assert (found.kind, found.first, found.last) == (K.INSERTED, 44, 44)


def test_the_times_of_what_is_missing_are_named() -> None:
    (found,) = examined(WHOLE[:33], CHECKPOINTS, head=end_of(WHOLE[:33]))
    assert (found.since, found.until) == (CHECKPOINTS[5].at, CHECKPOINTS[-1].at)
    assert found.text == (
        "The database was replaced by an older one: events 34 to 40 are missing (from 30 Nov 2026, 12:30 UTC to 30 Nov 2026, 12:40 UTC)."
    )


TEXTS = {
    Finding(K.EDITED, 7, 7): "Event 7 was changed after being written.",
    Finding(K.EDITED, 7, 9): "Events 7 to 9 were changed after being written.",
    Finding(K.RECOMPUTED, 7, 9): "The audit log was computed anew from event 7 on: it differs from what was signed.",
    Finding(K.FILE_CHANGED, 3, 3): "The file of checkpoints was changed at line 3.",
    Finding(K.FILE_MISSING): "The file of checkpoints is missing.",
}


@pytest.mark.parametrize(("finding", "text"), TEXTS.items())
def test_a_finding_is_a_sentence(finding: Finding, text: str) -> None:
    assert finding.text == text


@pytest.mark.parametrize("kind", FindingKind)
def test_every_kind_has_a_sentence(kind: FindingKind) -> None:
    assert "{" not in Finding(kind, 1, 2, NOW, NOW).text


def test_it_stops_after_many_findings() -> None:
    every_other = chained([written(number) for number in range(1, 1001)])[::2]
    found = examined(every_other, [])
    assert len(found) == MOST + 1
    assert found[-1].text == "Reading stopped after 100 findings, at event 201: later events were not verified."


# Any log, any change of it: what is found.
logs = st.integers(2, 30).map(lambda length: chained([written(number) for number in range(1, length + 1)]))
CHANGES: dict[str, tuple[FindingKind, Callable[[Events, int, int], Events]]] = {
    "edited": (K.EDITED, lambda log, first, last: at(log, first, detail={"x": last})),
    "edited with its digest": (K.EDITED, lambda log, first, last: redigested(log, first, detail={"x": last}) if first < len(log) else at(log, first, actor="eve")),
    "reordered": (K.REORDERED, swapped),
    "inserted": (K.INSERTED, lambda log, first, last: inserted(log, first, last - first)),
    "removed": (K.REMOVED, lambda log, first, last: without(log, *range(first, last))),
    "removed, renumbered": (K.REMOVED, lambda log, first, last: renumbered(without(log, *range(first, last)))),
    "recomputed": (K.RECOMPUTED, lambda log, first, last: anew(log, first, eve)),
    "an older database": (K.OLDER_DATABASE, lambda log, first, last: log[:first]),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "change"), CHANGES.values(), ids=CHANGES.keys())
@examples(60)
@given(log=logs, data=st.data())
def test_any_change_of_any_log_has_its_name(
    kind: FindingKind, change: Callable[[Events, int, int], Events], log: Events, data: st.DataObject
) -> None:
    first = data.draw(st.integers(1, len(log) - 1))
    last = data.draw(st.integers(first + 1, len(log)))
    ends = data.draw(st.sets(st.integers(1, len(log) - 1)))
    checkpoints = signed_at(log, *sorted(ends), len(log))
    (found,) = examined(changed := change(log, first, last), checkpoints, head=end_of(changed))
    assert (found.kind, found.first <= first + 1) == (kind, True)
    assert examined(log, checkpoints, head=end_of(log)) == []


@examples(200)
@given(log=logs, data=st.data())
def test_whatever_is_done_to_a_signed_log_is_found(log: Events, data: st.DataObject) -> None:
    """Events are dropped, doubled, moved and computed anew, in any combination. A log that only goes on is as it was."""
    checkpoints = signed_at(log, len(log))
    changed = data.draw(st.permutations(log).map(lambda events: events[: len(log)]) | st.lists(st.sampled_from(log), max_size=40))
    if data.draw(st.booleans()):
        changed = renumbered(changed)
    if data.draw(st.booleans()):
        changed = chained(changed)
    same = changed[: len(log)] == log and changed == chained(changed)
    assert (examined(changed, checkpoints, head=end_of(changed)) == []) == same


def test_the_log_is_a_chain() -> None:
    assert all(following.previous == event.digest for event, following in pairwise(WHOLE))
