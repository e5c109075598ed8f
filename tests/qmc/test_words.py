"""Lengths and moments as people write them."""

from datetime import UTC, datetime, timedelta

import pytest
from django.template import Context

from web.templatetags.console import clock_offset, left_words, spoken, when

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "less than a second"), (0.4, "less than a second"), (1, "1 s"), (59.9, "59 s"), (60, "1 min"), (3600, "1 h"), (86400, "1 day"), (172799.9, "1 day"),
     (86400 * 29, "29 days"), (86400 * 365 * 2, "2 years")],
)  # fmt: skip
def test_a_length_has_a_unit_that_people_use(seconds: float, words: str) -> None:
    assert spoken(seconds) == words


@pytest.mark.parametrize(
    ("days", "words"), [(-1, "expired"), (0, "0 days"), (1, "1 day"), (119, "119 days"), (365, "1 year"), (1826, "5 years"), (1780, "4 years 10 months"), (150, "4 months")]
)  # fmt: skip
def test_what_is_left_is_said_in_at_most_two_units(days: int, words: str) -> None:
    assert left_words(days) == words


@pytest.mark.parametrize(
    ("ago_s", "words"), [(0, "just now"), (-0.5, "just now"), (1.9, "just now"), (5, "5 s ago"), (-90, "in 1 min"), (86400, "1 day ago")]
)
def test_a_moment_just_passed_is_never_ahead(ago_s: float, words: str) -> None:
    assert f">{words}</time>" in when(Context({"now": NOW}), NOW - timedelta(seconds=ago_s))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "the same, within a second"), (-0.9, "the same, within a second"), (172799.9, "2 days ahead"), (-600, "10 minutes behind")],
)
def test_a_clock_offset_has_a_side_and_a_unit(seconds: float, words: str) -> None:
    assert clock_offset(seconds) == words
