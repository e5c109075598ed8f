"""Lengths and moments as people write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.template import Context

from pki.core import clocks
from web.templatetags.console import clock_offset, day, left, moment, when

NOW = datetime(2026, 11, 29, 14, 5, 9, tzinfo=UTC)
LENGTHS = [
    (0, "0 s"), (0.4, "0 s"), (-1, "1 s"), (59.4, "59 s"), (59.9, "1 min"), (-70, "1 min"), (3599, "59 min"), (3600, "1 h"), (-7200, "2 h"),
    (86399, "23 h 59 min"), (86400, "1 day"), (97200, "1 day 3 h"), (172799.9, "2 days"), (200000, "2 days"), (86400 * 119, "119 days"),
    (86400 * 150, "4 months"), (86400 * 365, "1 year"), (86400 * 1780, "4 years 10 months"), (86400 * 1826, "5 years"),
]  # fmt: skip


@pytest.mark.parametrize(("seconds", "words"), LENGTHS)
def test_a_length_has_at_most_two_units(seconds: float, words: str) -> None:
    assert clocks.length(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(("after_s", "words"), [(-1, "expired"), (0, "0 s"), (86400 * 89 + 5, "89 days")])
def test_the_remaining_time_includes_the_last_second(after_s: float, words: str) -> None:
    assert f">{words}</time>" in left(Context({"now": NOW}), NOW + timedelta(seconds=after_s))


@pytest.mark.parametrize(
    ("ago_s", "words"), [(0, "just now"), (-0.5, "just now"), (1.9, "just now"), (5, "5 s ago"), (-90, "in 1 min"), (86400, "1 day ago")]
)
def test_a_moment_just_passed_is_never_in_the_future(ago_s: float, words: str) -> None:
    assert f">{words}</time>" in when(Context({"now": NOW}), NOW - timedelta(seconds=ago_s))


@pytest.mark.parametrize(
    ("shown", "text"), [(moment, "29 Nov 2026, 14:05 UTC"), (day, "29 Nov 2026"), (lambda at: when(Context({"now": NOW}), at), "just now")]
)
def test_a_moment_has_one_form_with_the_exact_time_in_utc_on_hover(shown, text: str) -> None:
    element = shown(NOW.astimezone(timezone(timedelta(hours=9))))
    assert f">{text}</time>" in element
    assert 'title="29 Nov 2026, 14:05:09 UTC"' in element
    assert 'datetime="2026-11-29T14:05:09Z"' in element


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "no difference, within a second"),
        (-0.9, "no difference, within a second"),
        (172799.9, "2 days ahead"),
        (-600, "10 min behind"),
    ],
)
def test_a_clock_offset_has_a_side_and_a_unit(seconds: float, words: str) -> None:
    assert clock_offset(seconds) == words
