"""Slow tests run in `make faults` and `make years`. `make test` skips them or takes a sample."""

import os
from collections.abc import Iterable
from typing import Any

import hypothesis
import pytest

RUN_SLOW = bool(os.environ.get("QMC_SLOW"))
takes_minutes = pytest.mark.skipif(not RUN_SLOW, reason="takes minutes: `make faults` and `make years` run it")


def one_of(count: int, rows: Iterable[Any]) -> list[Any]:
    """Parameters of a test: `make test` takes one row of `count`, the first among them; `make faults` takes all. A tuple is several parameters."""
    values = (row if isinstance(row, tuple) else (row,) for row in rows)
    return [pytest.param(*arguments, marks=() if number % count == 0 else takes_minutes) for number, arguments in enumerate(values)]


def part(count: int, rows: Iterable[Any], number: int) -> list[Any]:
    """`make test` takes every row of `count`, beginning elsewhere for each `number`; `make faults` takes all."""
    found = list(rows)
    return found if RUN_SLOW else found[number % count :: count]


def examples(count: int, **options: Any) -> hypothesis.settings:
    """Settings of a property: `make test` tries a tenth of `count` examples, at least ten; `make faults` tries all."""
    return hypothesis.settings(max_examples=count if RUN_SLOW else max(count // 10, 10), **options)
