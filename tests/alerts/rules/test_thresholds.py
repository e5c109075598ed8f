"""When a thing passes its thresholds, and what is late."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.rules.thresholds import DEFAULT_DAYS, is_overdue, passed, thresholds_of
from attention.expiring import KINDS, Expiring, ExpiryWording, by_hand, by_itself

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def thing(*, life: timedelta, left: timedelta, wording: ExpiryWording | None = None) -> Expiring:
    end = NOW + left
    return Expiring("1", "token", "deploy", "ann", "ann", end - life, end, wording or by_hand("Make another."), "")


PASSED = [
    pytest.param(1800, 91, None, id="before the first"),
    pytest.param(1800, 90, 90, id="exactly at the first"),
    pytest.param(1800, 29, 30, id="after the second"),
    pytest.param(1800, 0.5, 1, id="after the last"),
    pytest.param(1800, -3, 1, id="expired"),
    pytest.param(90, 23, None, id="a life of 90 days: a quarter of each"),
    pytest.param(90, 22, 90, id="a quarter of 90 days"),
    pytest.param(90, 7, 30, id="a quarter of 30 days"),
    pytest.param(1, 0.24, 90, id="a life of a day: six hours"),
    pytest.param(1, 0.01, 30, id="thresholds within an hour of each other are one"),
    pytest.param(0, 0, None, id="no life at all"),
]


@pytest.mark.parametrize(("life", "left", "expected"), PASSED)
def test_the_last_threshold_that_was_passed(life: float, left: float, expected: float | None) -> None:
    assert passed(thing(life=DAY * life, left=DAY * left), DEFAULT_DAYS, NOW) == expected


@given(life=st.floats(0, 4000), left=st.floats(-100, 4000), later=st.floats(0, 4000), days=st.lists(st.floats(0.5, 3650), max_size=10))
def test_time_passes_thresholds_in_one_direction(life: float, left: float, later: float, days: list[float]) -> None:
    """A later look never finds an earlier threshold."""
    subject = thing(life=DAY * life, left=DAY * left)
    first, second = passed(subject, days, NOW), passed(subject, days, NOW + DAY * later)
    assert first is None or (second is not None and second <= first)


def test_kinds_have_the_default_unless_another_need_reports_them() -> None:
    assert {kind for kind in KINDS if thresholds_of(kind, {}) == ()} == {"registration_password", "backup"}
    assert thresholds_of("root", {}) == DEFAULT_DAYS
    assert thresholds_of("root", {"root": [365.0]}) == (365.0,)


OVERDUE = [
    pytest.param(by_hand("Renew it."), 1800, False, id="not automatic"),
    pytest.param(by_itself("Renewed automatically."), 1800, False, id="at no known moment"),
    pytest.param(by_itself("", NOW - timedelta(hours=23)), 1800, False, id="not yet a day late"),
    pytest.param(by_itself("", NOW - timedelta(hours=25)), 1800, True, id="a day late"),
    pytest.param(by_itself("", NOW - timedelta(hours=3)), 30, True, id="a short life: two hours are late"),
    pytest.param(by_itself("", NOW + DAY), 1800, False, id="due tomorrow"),
]


@pytest.mark.parametrize(("wording", "life", "expected"), OVERDUE)
def test_what_is_late(wording: ExpiryWording, life: float, expected: bool) -> None:
    assert is_overdue(thing(life=DAY * life, left=DAY * 20, wording=wording), NOW) is expected
