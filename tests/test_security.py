"""Every promise of docs/security.md names tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROWS = re.findall(r"^\| (\d+) \| (.+?) \| (?:P\d ?)+\| (.+) \|$", (ROOT / "docs/security.md").read_text(), re.MULTILINE)


def test_promises_are_numbered_in_order() -> None:
    assert [int(number) for number, *_ in ROWS] == list(range(1, len(ROWS) + 1))
    assert len(ROWS) >= 22


@pytest.mark.parametrize(("promise", "tests"), [row[1:] for row in ROWS], ids=[f"promise {row[0]}" for row in ROWS])
def test_a_promise_names_tests_that_exist(promise: str, tests: str) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", tests)
    assert named, promise
    for path, name in named:
        assert f"def {name}(" in (ROOT / path).read_text(), f"{path} has no {name}"
