"""How often nodes are told to call."""

import pytest

from nodes.calls.services import CallLimits
from nodes.inventory.intervals import load_now, pending_interval, regular_interval

USUAL = CallLimits(60, 600)


@pytest.mark.parametrize(
    ("nodes", "load", "regular", "pending"),
    [(0, 9, 60, 5), (1000, 3, 60, 5), (3001, 1, 61, 16), (10_000, 0.1, 200, 50), (10_000, 2, 400, 50), (100_000, 1, 600, 500), (10_000, 50, 600, 50)],
)  # fmt: skip
def test_the_interval_follows_the_number_of_nodes_and_the_load(nodes: int, load: float, regular: int, pending: int) -> None:
    assert regular_interval(nodes, limits=USUAL, load=load) == regular
    assert pending_interval(nodes, regular_s=regular) == pending
    assert pending_interval(1, regular_s=regular) == 5


@pytest.mark.parametrize(("least", "most", "expected"), [(300, 600, 300), (60, 120, 120), (900, 600, 900), (1, 600, 200)])
def test_it_has_limits(least: int, most: int, expected: int) -> None:
    assert regular_interval(10_000, limits=CallLimits(least, most)) == expected


def test_a_site_with_a_short_interval_has_none_that_is_longer() -> None:
    assert pending_interval(1, regular_s=regular_interval(3, limits=CallLimits(2, 600))) == 2
    assert load_now() >= 0
