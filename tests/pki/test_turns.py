"""Turns: the order of heartbeats shows one machine, two, or a restored database."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki.exchange.turns import Chain, Verdict, answered_at, judge, turn_make
from tests.slow import examples

NOW, SECRET = datetime(2026, 11, 29, 12, tzinfo=UTC), b"secret"
CHAIN = Chain(latest="b", before="a", generation=3, called_at=NOW)
LATER, EARLIER = NOW + timedelta(hours=1), NOW - timedelta(hours=1)
V = Verdict
JUDGED = {
    "the latest": (CHAIN, "b", 3, False, None, V.IN_TURN),
    "the answer was lost": (CHAIN, "a", 3, False, None, V.IN_TURN),
    "void, or older": (CHAIN, "x", 3, False, EARLIER, V.TWO_CALLERS),
    "of another secret": (CHAIN, "x", 3, False, None, V.TWO_CALLERS),
    "missing after the first": (CHAIN, "", 3, False, None, V.TWO_CALLERS),
    "an older agent": (Chain("b", "", 3, NOW), "", 3, False, None, V.IN_TURN),
    "none was given yet": (Chain("", "", 0, NOW), "", 1, False, None, V.IN_TURN),
    "restored, or settled": (Chain("", "", 3, NOW), "x", 3, False, LATER, V.IN_TURN),
    "the database was put back": (CHAIN, "x", 3, False, LATER, V.DATABASE_OLDER),
    "another machine's clock": (CHAIN, "x", 3, False, NOW + timedelta(seconds=30), V.TWO_CALLERS),
    "a new registration": (CHAIN, "", 4, True, None, V.IN_TURN),
    "a renewal": (CHAIN, "b", 9, False, None, V.IN_TURN),
    "from before the registration": (CHAIN, "b", 2, False, None, V.EARLIER_REGISTRATION),
}


@pytest.mark.parametrize(("chain", "returned", "generation", "registers", "answered", "verdict"), JUDGED.values(), ids=JUDGED.keys())
def test_calls_are_judged(
    chain: Chain, returned: str, generation: int, registers: bool, answered: datetime | None, verdict: Verdict
) -> None:
    assert judge(chain, returned=returned, generation=generation, registers=registers, answered=answered) == verdict


def test_a_turn_has_the_time_of_its_answer_for_holders_of_the_secret() -> None:
    turn = turn_make(SECRET, node="rim1", now=NOW)
    assert answered_at(SECRET, node="rim1", turn=turn) == NOW
    assert turn != turn_make(SECRET, node="rim1", now=NOW)
    for secret, node, strange in [(b"other", "rim1", turn), (SECRET, "rim2", turn), (SECRET, "rim1", turn[:-1] + "x"), (SECRET, "rim1", ""),
                                  (SECRET, "rim1", "0" + turn[1:] if turn[0] != "0" else "1" + turn[1:]), (SECRET, "rim1", turn + "0")]:  # fmt: skip
        assert answered_at(secret, node=node, turn=strange) is None


class Center:
    """The central node's part of the heartbeats of one node."""

    def __init__(self) -> None:
        self.chain, self.numbers, self.found = Chain("", "", 0, NOW), itertools.count(1), set[Verdict]()

    def call(self, returned: str) -> str:
        self.found.add(judge(self.chain, returned=returned, generation=1, registers=False, answered=None))
        self.chain = Chain(str(next(self.numbers)), returned, 0, NOW)
        return self.chain.latest


# What becomes of a call: answered and kept; answered and lost, or the agent killed before it kept the answer; never arrived.
FATES = ("kept", "lost", "never arrived")


@examples(300)
@given(fates=st.lists(st.sampled_from(FATES), max_size=40))
def test_one_machine_is_never_reported_as_two(fates: list[str]) -> None:
    center, kept = Center(), ""
    for fate in fates:
        if fate != "never arrived":
            answer = center.call(kept)
            kept = answer if fate == "kept" else kept
    assert center.found <= {V.IN_TURN}


@examples(300)
@given(before=st.integers(0, 3), callers=st.lists(st.booleans(), min_size=8, max_size=30))
def test_a_copy_is_found_as_soon_as_both_have_called_and_one_calls_again(before: int, callers: list[bool]) -> None:
    center, kept = Center(), ""
    for _ in range(before):
        kept = center.call(kept)
    turns, order = {True: kept, False: kept}, list[bool]()
    for caller in callers:
        if len({*order}) == 2 and caller != order[-1]:
            center.call(turns[caller])
            assert V.TWO_CALLERS in center.found
            return
        turns[caller] = center.call(turns[caller])
        order.append(caller)


@examples(100)
@given(calls=st.integers(2, 10), back=st.integers(2, 10))
def test_a_restored_machine_is_detected_at_its_first_call(calls: int, back: int) -> None:
    center, kept = Center(), [""]
    for _ in range(calls + back):
        kept.append(center.call(kept[-1]))
    center.call(kept[calls])
    assert center.found == {V.IN_TURN, V.TWO_CALLERS}
