"""The answer to a heartbeat: written and read again, malformed members refused by name, answers of older central nodes read."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pki.core.errors import AnswerInvalid
from pki.exchange.answer import LARGEST_ANSWER, Answer

NOW = datetime(2026, 11, 29, 14, 5, tzinfo=UTC)
hexadecimal = st.text("0123456789abcdef", min_size=16, max_size=16)
answers = st.builds(
    Answer,
    now=st.just(NOW),
    interval_s=st.integers(0, 86400),
    reopen=st.booleans(),
    trust=st.booleans(),
    package=st.none() | st.integers(0, 1000),
    browser=st.none() | st.just("") | st.just("ab" * 32),
    turn=st.text("0123456789abcdef", max_size=80),
    challenges=st.dictionaries(hexadecimal, st.text("ABCab01+/=", max_size=100), max_size=10),
    cluster_challenge=st.text("0123456789abcdef", max_size=64),
    retired_database_keys=st.lists(hexadecimal, max_size=10),
    central_addresses=st.lists(st.sampled_from(["10.0.0.1:4242", "[fd00::1]:4242"]), max_size=10),
    nudged_by=st.lists(st.sampled_from(["ab" * 32, "01" * 32]), max_size=8),
)


@settings(max_examples=100, deadline=None, database=None)
@given(answer=answers)
def test_a_written_answer_is_read_again(answer: Answer) -> None:
    assert Answer.parse(json.dumps(answer.to_json()).encode()) == answer


def test_an_older_central_node_leaves_members_out_and_a_newer_one_sends_more() -> None:
    assert Answer.parse(b"{}") == Answer()
    assert Answer.parse(b'{"interval_s": 5, "package": null, "weather": "fine"}') == Answer(interval_s=5)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "not JSON"), (b"[]", "not a JSON object"), (b"{" * 100_000, "more than"), ({"interval_s": -1}, "interval_s"), ({"interval_s": True}, "interval_s"),
        ({"package": 5}, "package"), ({"package": {"generation": "2"}}, "package"), ({"browser": "../etc"}, "browser"), ({"turn": "x"}, "turn"),
        ({"challenges": {"../key": ""}}, "challenges"), ({"challenges": []}, "challenges"), ({"retired_database_keys": ["*"]}, "retired_database_keys"),
        ({"central_addresses": ["a b"]}, "central_addresses"), ({"trust": 1}, "trust"), ({"reopen": "yes"}, "reopen"), ({"now": "today"}, "now"),
        ({"cluster_challenge": "G"}, "cluster_challenge"), ({"nudged_by": ["AB" * 32]}, "nudged_by"), ({"nudged_by": ["ab" * 32] * 9}, "nudged_by"),
        ({"nudged_by": "ab" * 32}, "nudged_by"),
    ],
    ids=lambda value: ascii(value)[:40],
)  # fmt: skip
def test_a_malformed_answer_is_refused_with_the_member(content: Any, named: str) -> None:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    with pytest.raises(AnswerInvalid, match=named):
        Answer.parse(body)


def test_the_largest_answer_that_is_written_is_read() -> None:
    keys = [f"{number:016x}" for number in range(10)]
    full = Answer(now=NOW, challenges=dict.fromkeys(keys, "A" * 400), retired_database_keys=keys, central_addresses=["10.0.0.1:4242"] * 10)
    body = json.dumps(full.to_json()).encode()
    assert len(body) < LARGEST_ANSWER
    assert Answer.parse(body) == full
