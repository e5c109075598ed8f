"""Whether periodic work is well."""

from datetime import UTC, datetime, timedelta

import pytest

from attention.work import periodic_work
from jobs.health import health
from jobs.leases import SKEW
from jobs.models import PeriodicWork
from jobs.services import jobs_follow_clock
from jobs.tasks import RECONCILE

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(seconds=60)  # a minute is the patience of reconcile
# what its row says, and since when it is expected to run → its problem
ROWS = {
    "just now": ({"last_success": NOW}, None, ""),
    "at the end of its patience": ({"last_success": NOW - MINUTE}, None, ""),
    "after its patience": ({"last_success": NOW - MINUTE - SECOND}, None, "overdue"),
    "an error since": ({"last_success": NOW, "last_error": "OSError: no"}, None, "OSError: no"),
    "an error from the beginning": ({"last_error": "OSError: no"}, NOW, "OSError: no"),
    "never": (None, None, "has not run yet"),
    "never, and had no time": (None, NOW - MINUTE + SECOND, ""),
    "never, and had time": (None, NOW - MINUTE, "has not run yet"),
    "never, under its first lease": ({}, NOW - MINUTE, "has not run yet"),
    "a clock that is a little ahead": ({"last_success": NOW + SKEW}, None, ""),
    "a clock that was set back": ({"last_success": NOW + timedelta(days=2)}, None, "has not run since the clock was set back"),
}


@pytest.mark.parametrize(("row", "expected_since", "problem"), ROWS.values(), ids=ROWS.keys())
def test_health_of_periodic_work(row: dict[str, object] | None, expected_since: datetime | None, problem: str) -> None:
    if row is not None:
        PeriodicWork.objects.create(name=RECONCILE, lease_until=NOW, **row)
    found = {work.label: work.problem for work in health(periodic_work(), now=NOW, expected_since=expected_since)}
    assert found["Worker and scheduler"] == problem


def test_work_that_runs_after_the_clock_was_set_back_is_well_at_once() -> None:
    for name in (RECONCILE, "upkeep", "verified backup"):
        PeriodicWork.objects.create(name=name, lease_until=NOW, last_success=NOW + timedelta(days=2))
    jobs_follow_clock(name=RECONCILE, now=NOW)
    assert {work.problem for work in health(periodic_work(), now=NOW) if work.last_success} == {""}
    assert PeriodicWork.objects.get(name="verified backup").last_success == NOW + timedelta(days=2)  # no periodic work: it keeps its date
