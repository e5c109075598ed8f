"""The pictures of the dashboard: only numbers and words."""

from datetime import UTC, date, datetime, timedelta

import pytest

from qmc.dashboard.pictures import HIGHEST, LOWEST, WEEKS, bars, columns, short

NOW = datetime(2026, 11, 30, 21, 14, tzinfo=UTC)
TODAY = NOW.date()


def test_the_longest_bar_has_the_whole_width() -> None:
    drawn = bars([("works", 40, "green", ""), ("silent", 10, "red", ""), ("refused", 0, "red", "")])
    assert [bar.width for bar in drawn.bars] == [100, 25, 0]
    assert drawn.description == "works: 40, silent: 10, refused: 0."
    assert len({bar.label_y for bar in drawn.bars}) == 3


@pytest.mark.parametrize("numbers", [[], [("works", 0, "green", "")]])
def test_bars_without_numbers_have_no_width(numbers: list[tuple[str, int, str, str]]) -> None:
    assert [bar.width for bar in bars(numbers).bars] == [0] * len(numbers)


@pytest.mark.parametrize(
    ("day", "week"),
    [(TODAY, 12), (TODAY - timedelta(days=6), 12), (TODAY - timedelta(days=7), 11), (TODAY - timedelta(days=90), 0), (TODAY - timedelta(days=91), None), (TODAY + timedelta(days=1), None)],
    ids=["today", "first day of this week", "a week ago", "first day", "too early", "a clock that is ahead"],
)  # fmt: skip
def test_each_day_is_in_one_of_thirteen_weeks(day: date, week: int | None) -> None:
    found = columns({day: 3}, NOW).columns
    assert [column.count for column in found] == [3 if number == week else 0 for number in range(WEEKS)]


def test_a_week_has_all_its_days() -> None:
    drawn = columns({TODAY - timedelta(days=number): 1 for number in range(91)}, NOW)
    assert {column.count for column in drawn.columns} == {7}
    assert drawn.columns[-1].days == "24 Nov 2026 to 30 Nov 2026"
    assert drawn.description == "91 in 13 weeks; most from 1 Sep 2026 to 7 Sep 2026: 7."


def test_columns_are_as_high_as_their_numbers_and_one_is_always_seen() -> None:
    drawn = columns({TODAY: 1000, TODAY - timedelta(days=7): 500, TODAY - timedelta(days=14): 1}, NOW)
    assert [column.height for column in drawn.columns[-4:]] == [0, LOWEST, HIGHEST / 2, HIGHEST]
    assert columns({}, NOW).description == "None."


@pytest.mark.parametrize(("count", "word"), [(0, "0"), (999, "999"), (1000, "1.0k"), (9949, "9.9k"), (12_345, "12k"), (123_456, "123k")])
def test_a_large_number_is_short(count: int, word: str) -> None:
    assert short(count) == word
