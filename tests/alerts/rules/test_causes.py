"""Which needs and expiring things are causes of alerts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from alerts.rules.causes import Cause, causes_of
from attention.expiring import Expiring, by_hand, by_itself
from attention.needs import Need, Severity

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def need(code: str, subject: str = "rim1", **fields: object) -> Need:
    return replace(Need(code, Severity.WARNING, subject, f"title of {code}", "text", "remedy", "/", "Show"), **fields)  # type: ignore[arg-type]


TOKEN = Expiring("t1", "token", "deploy", "ann", "ann", NOW - 900 * DAY, NOW + 20 * DAY, by_hand("Make another token."), "")


def found(*given: Need | Expiring) -> dict[str, Cause]:
    needs = [item for item in given if isinstance(item, Need)]
    things = [item for item in given if isinstance(item, Expiring)]
    return {cause.code: cause for cause in causes_of(needs, things, thresholds={}, now=NOW)}


def test_an_explained_need_waits() -> None:
    causes = found(need("node-silent"), need("no-node-calls", "", explains=frozenset({"node-silent"})))
    assert {code: cause.waits for code, cause in causes.items()} == {"node-silent": True, "no-node-calls": False}


def test_a_thing_that_a_need_reports_makes_the_need_more_severe_and_waits() -> None:
    causes = found(need("export-expiring", about=frozenset({"t1"})), TOKEN)
    assert {code: (cause.threshold_days, cause.waits) for code, cause in causes.items()} == {
        "export-expiring": (30, False),
        "expiry-near": (30, True),
    }


def test_a_thing_past_a_threshold_is_a_cause_of_its_own() -> None:
    cause = found(TOKEN)["expiry-near"]
    assert (cause.subject, cause.key, cause.threshold_days, cause.severity) == ("deploy", "t1", 30, Severity.WARNING)
    assert (cause.title, cause.remedy) == ("The API token deploy expires in 20 days", "Make another token.")
    assert found(replace(TOKEN, not_after=NOW + 3 * DAY))["expiry-near"].severity == Severity.CRITICAL
    assert found(replace(TOKEN, not_after=NOW - DAY))["expiry-near"].title == "The API token deploy has expired"
    assert found(replace(TOKEN, not_after=NOW + 91 * DAY)) == {}


def test_automatic_work_is_a_cause_only_when_it_is_late() -> None:
    assert found(replace(TOKEN, wording=by_itself("Renewed automatically.", NOW + DAY))) == {}
    late = found(replace(TOKEN, wording=by_itself("Renewed automatically.", NOW - 2 * DAY)))["renewal-overdue"]
    assert late.title == "The API token deploy should have been renewed 2 days ago"


def test_dates_wait_while_the_clock_is_doubtful() -> None:
    causes = found(need("clock-jumped", "central"), need("backup-old", "backup", by_date=True), need("database-damaged"), TOKEN)
    assert {code for code, cause in causes.items() if cause.waits} == {"backup-old", "expiry-near"}
