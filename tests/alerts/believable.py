"""Alerts of a site that has had some: open, acknowledged and closed ones, with their messages and deliveries."""

from datetime import datetime, timedelta

from tests import factories

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LONG = "a-long-host-name-such-as-a-cloud-makes-it-01234567890.eu.example"


def believable_alerts(now: datetime) -> dict[str, str]:
    """The ids of one alert and one channel in each state, by name."""
    mail = factories.channel("Mail to operations", at=now - 90 * DAY, last_sent_at=now - 2 * HOUR)
    teams = factories.channel("Teams", at=now - 80 * DAY, last_sent_at=now - 2 * HOUR)
    failing = factories.channel(
        "Webhook to monitoring", at=now - 70 * DAY, failing_since=now - 6 * MINUTE, failures=5, next_attempt_at=now + MINUTE, last_sent_at=now - 3 * HOUR,
        last_error=f"{LONG}:8443 answered 500. Read the log of the receiver. It is tried again.",
    )  # fmt: skip
    off = factories.channel("Pager", at=now - 60 * DAY, enabled=False)
    overdue = factories.alert(
        "renewal-overdue", at=now - 9 * DAY, subject="rim12", title="rim12: its certificates should have been renewed 9 days ago",
        text="They expire in 26 days. The node reports a full disk.", remedy="Free space there. The renewal is tried again every hour.",
    )  # fmt: skip
    for days, change in ((9, "opened"), (8, "reminded"), (2 / 24, "escalated")):
        message = factories.message(overdue, change, at=now - days * DAY)
        for channel in (mail, teams):
            factories.delivery(channel, message, at=now - days * DAY)
    factories.delivery(failing, message, at=now - 2 * HOUR, state="failed", error=failing.last_error)
    silent = factories.alert(at=now - 11 * MINUTE, severity="warning", returns=4)
    factories.delivery(mail, factories.message(silent, at=now - 11 * MINUTE), at=now - 10 * MINUTE, possible_repeat=True, attempts=2)
    fresh = factories.alert(
        "caller-unknown", at=now, subject=LONG, severity="info", title=f"A machine calls from {LONG} with a certificate that nobody knows",
        text="Run `qmc check --deploy` on the central node.", remedy=f"Find the machine {LONG} by its address.",
    )  # fmt: skip
    factories.message(fresh, at=now, routed_at=None)
    known = factories.alert(
        "backup-old", at=now - 3 * DAY, subject="backup", severity="warning", title="The last verified backup is 8 days old", state="acknowledged",
        text="A site without a backup cannot be restored.", remedy="Make a backup.", acknowledged_by="ann", acknowledged_until=now + 20 * HOUR, note="The new disk arrives tomorrow.",
    )  # fmt: skip
    factories.message(known, at=now - 3 * DAY)
    factories.message(known, "acknowledged", at=now - HOUR, actor="ann", note=known.note)
    gone = factories.alert(
        "export-expiring", at=now - 2 * DAY, subject="reports.corp.example", state="closed", closed_at=now - 40 * MINUTE,
        title="The export for reports.corp.example expires in 12 days", remedy="",
    )  # fmt: skip
    for at, change in ((now - 2 * DAY, "opened"), (now - 40 * MINUTE, "closed")):
        factories.delivery(teams, factories.message(gone, change, at=at), at=at)
    rows = {
        "open": overdue,
        "returned": silent,
        "fresh": fresh,
        "acknowledged": known,
        "closed": gone,
        "mail": mail,
        "failing": failing,
        "off": off,
    }
    return {name: str(row.pk) for name, row in rows.items()}
