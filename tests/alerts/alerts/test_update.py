"""Alerts follow their causes: rows of a real database, looked at again and again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from alerts.alerts.services import CLOSE_AFTER, alert_acknowledge, alerts_update
from alerts.alerts.transition import alert_transition
from alerts.deliveries.content import lines
from alerts.errors import IllegalAlertTransition, InputInvalid, StaleAlert
from alerts.models import Alert, Message
from alerts.rules.models import rules_current
from alerts.states import ALERT_TRANSITIONS, AlertState, Change
from audit.actors import SYSTEM, Actor, PermissionRefused
from audit.models import Event
from certs.models import TrustZone
from jobs.models import PeriodicWork
from people.models import ApiToken
from tests import factories

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
STEP, DAY = timedelta(seconds=30), timedelta(days=1)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def zone() -> TrustZone:
    return TrustZone.objects.create(name="central.example", created_at=NOW - 900 * DAY, founded_at=NOW - 900 * DAY)


@pytest.fixture
def token() -> ApiToken:
    """A token that expires in 20 days."""
    user = User.objects.create_user("ann")
    return ApiToken.objects.create(user=user, name="deploy", digest="d", created_at=NOW - 900 * DAY, expires_at=NOW + 20 * DAY)


class Night:
    """Time that passes in steps, as the periodic work sees it."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.skips(timedelta(0))

    def skips(self, span: timedelta) -> None:
        """Time in which nothing changes."""
        self.now += span
        rules = rules_current()
        rules.checked_at = self.now
        rules.save()

    def passes(self, span: timedelta = STEP) -> list[str]:
        """The messages of this time."""
        end, before = self.now + span, len(changes())
        while self.now < end:
            self.now += STEP
            alerts_update(now=self.now)
        return changes()[before:]


def changes() -> list[str]:
    """The changes of the alert about the token."""
    return list(Message.objects.filter(alert__code="expiry-near").order_by("at", "number").values_list("change", flat=True))


@pytest.fixture
def night() -> Night:
    return Night(NOW)


def alert() -> Alert:
    return Alert.objects.get(code="expiry-near")


def test_one_cause_opens_one_alert(token: ApiToken, night: Night) -> None:
    assert night.passes(timedelta(minutes=10)) == ["opened"]
    assert (alert().subject, alert().state, alert().threshold_days, alert().severity) == ("deploy", "open", 30, "warning")


def test_two_comparisons_at_once_open_it_once(token: ApiToken, night: Night) -> None:
    for _ in range(2):
        alerts_update(now=night.now + STEP)
    assert Message.objects.filter(alert=alert()).count() == 1


def test_a_nearer_threshold_escalates_it(token: ApiToken, night: Night) -> None:
    night.passes()
    ApiToken.objects.update(expires_at=NOW + 6 * DAY)
    assert night.passes() == ["escalated"]
    assert (alert().threshold_days, alert().severity) == (7, "critical")


def test_an_alert_closes_when_its_cause_is_gone(token: ApiToken, night: Night) -> None:
    night.passes()
    ApiToken.objects.update(expires_at=NOW + 400 * DAY)
    assert night.passes(CLOSE_AFTER - STEP) == []
    assert night.passes(STEP * 2) == ["closed"]
    assert (alert().state, alert().remind_at) == ("closed", None)


def test_a_superseded_thing_alerts_nobody_again(token: ApiToken, night: Night) -> None:
    night.passes()
    token.delete()
    assert night.passes(timedelta(minutes=10)) == ["closed"]


def test_a_cause_that_comes_and_goes_is_one_alert_with_a_count(token: ApiToken, night: Night) -> None:
    night.passes()
    for _ in range(10):
        ApiToken.objects.update(expires_at=NOW + 400 * DAY)
        assert night.passes(timedelta(minutes=1)) == []
        ApiToken.objects.update(expires_at=NOW + 20 * DAY)
        assert night.passes(timedelta(minutes=1)) == []
    assert (alert().returns, alert().state) == (10, "open")


def test_a_cause_that_is_back_soon_reopens_the_same_alert_and_stays_longer(token: ApiToken, night: Night) -> None:
    night.passes()
    ApiToken.objects.update(expires_at=NOW + 400 * DAY)
    assert night.passes(timedelta(minutes=5)) == ["closed"]
    ApiToken.objects.update(expires_at=NOW + 20 * DAY)
    assert night.passes() == ["returned"]
    ApiToken.objects.update(expires_at=NOW + 400 * DAY)
    assert night.passes(CLOSE_AFTER + STEP) == []
    assert night.passes(CLOSE_AFTER + STEP) == ["closed"]
    assert alert().returns == 1


def test_reminders_have_growing_pauses(token: ApiToken, night: Night) -> None:
    ApiToken.objects.update(expires_at=NOW + 6 * DAY)
    assert night.passes() == ["opened"]
    for pause in (timedelta(hours=1), timedelta(hours=4), DAY):
        night.skips(pause - 2 * STEP)
        assert night.passes() == []
        assert night.passes() == ["reminded"]


def test_an_acknowledged_alert_is_silent_until_its_end(token: ApiToken, night: Night) -> None:
    ApiToken.objects.update(expires_at=NOW + 6 * DAY)
    night.passes()
    alert_acknowledge(actor=SYSTEM, alert=alert(), note="Ann renews it.", until=night.now + timedelta(hours=8), now=night.now)
    night.skips(timedelta(hours=8) - 2 * STEP)
    assert night.passes() == []
    assert night.passes() == ["resumed"]
    assert (alert().state, alert().note, alert().acknowledged_by) == ("open", "", "")
    assert Event.objects.get(action="alert.acknowledged").detail["note"] == "Ann renews it."


def test_an_end_that_a_clock_set_that_was_ahead_has_come(token: ApiToken, night: Night) -> None:
    ApiToken.objects.update(expires_at=NOW + 6 * DAY)
    night.passes()
    ahead = night.now + 400 * DAY
    alert_acknowledge(actor=SYSTEM, alert=alert(), until=ahead + timedelta(hours=1), now=ahead)
    night.passes()
    assert (alert().state, alert().messages.order_by("number").last().change) == ("open", "resumed")


def test_an_escalation_ends_an_acknowledgement(token: ApiToken, night: Night) -> None:
    night.passes()
    alert_acknowledge(actor=SYSTEM, alert=alert(), now=night.now)
    ApiToken.objects.update(expires_at=NOW + 2 * DAY)
    assert night.passes() == ["escalated"]
    assert alert().state == "open"


REFUSED: dict[str, dict[str, Any]] = {
    "note": {"note": "x" * 501},
    "until": {"until": NOW},
}


@pytest.mark.parametrize("field", REFUSED)
def test_an_acknowledgement_is_checked(field: str, token: ApiToken, night: Night) -> None:
    night.passes()
    with pytest.raises(InputInvalid) as caught:
        alert_acknowledge(actor=SYSTEM, alert=alert(), now=night.now, **REFUSED[field])
    assert list(caught.value.errors) == [field]
    with pytest.raises(PermissionRefused):
        alert_acknowledge(actor=Actor("user", "bob", User.objects.create_user("bob")), alert=alert(), now=night.now)


def test_after_a_pause_nothing_is_opened_or_closed_at_once(token: ApiToken, night: Night) -> None:
    """Ten minutes without a database: nodes and periodic work report again before anybody is notified."""
    night.now += timedelta(minutes=10)
    assert night.passes(timedelta(minutes=2) - STEP) == []
    assert night.passes(timedelta(minutes=1)) == ["opened"]


def test_an_upgraded_site_waits_before_its_first_alerts(token: ApiToken) -> None:
    rules_current()
    alerts_update(now=NOW)
    assert not Alert.objects.exists()
    for number in range(5):
        assert changes() == []
        alerts_update(now=NOW + STEP * number)
    assert changes() == ["opened"]


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400)], ids=["back", "ahead"])
def test_a_clock_that_was_set_opens_and_closes_nothing_by_date(jump: timedelta, token: ApiToken, night: Night) -> None:
    assert night.passes() == ["opened"]
    night.now += jump
    PeriodicWork.objects.create(
        name="clock", lease_until=night.now + timedelta(hours=1), last_success=night.now, last_error=f"{jump.total_seconds():.0f}"
    )
    User.objects.create_user("bob")
    ApiToken.objects.create(
        user=User.objects.get(username="bob"), name="other", digest="e", created_at=NOW - DAY, expires_at=NOW + 399 * DAY
    )
    assert night.passes(timedelta(minutes=20)) == []
    assert set(Alert.objects.unclosed().filter(code__in=["expiry-near", "clock-jumped"]).values_list("code", "subject")) == {
        ("expiry-near", "deploy"), ("clock-jumped", "central"),
    }  # fmt: skip


@pytest.mark.parametrize("to", AlertState)
@pytest.mark.parametrize("old", AlertState)
def test_every_pair_of_states(old: AlertState, to: AlertState) -> None:
    made = Alert.objects.create(code="c", state=old, severity="warning", title="t", opened_at=NOW, changed_at=NOW)
    if to in ALERT_TRANSITIONS[old]:
        alert_transition(alert=made, to=to, change=Change.REMINDED, now=NOW)
        assert (made.state, made.messages.count()) == (to, 1)
    else:
        with pytest.raises(IllegalAlertTransition):
            alert_transition(alert=made, to=to, change=Change.REMINDED, now=NOW)


def test_two_changes_of_one_alert_are_one() -> None:
    made = Alert.objects.create(code="c", severity="warning", title="t", opened_at=NOW, changed_at=NOW)
    other = Alert.objects.get()
    alert_transition(alert=made, to=AlertState.CLOSED, change=Change.CLOSED, now=NOW)
    with pytest.raises(StaleAlert):
        alert_transition(alert=other, to=AlertState.ACKNOWLEDGED, change=Change.ACKNOWLEDGED, now=NOW)


def test_a_need_takes_over_without_a_closing(night: Night) -> None:
    """An export is reported by its date alone at first, and by its own need in its last 30 days."""
    made = factories.export("qlik.example", at=NOW - 900 * DAY, made_at=NOW - 900 * DAY, made_generation=1, not_after=NOW + 31 * DAY)
    assert night.passes(timedelta(minutes=5)) == ["opened"]
    night.skips(2 * DAY)
    assert night.passes(timedelta(minutes=5)) == []
    assert set(Alert.objects.values_list("code", "state")) >= {("expiry-near", "open"), ("export-expiring", "open")}
    made.not_after = night.now + 400 * DAY
    made.save()
    assert night.passes(timedelta(minutes=5)) == ["closed"]
    assert not Alert.objects.unclosed().filter(code="export-expiring").exists()


def test_an_alert_that_another_one_replaces_names_it(night: Night) -> None:
    """A certificate that was about to expire has expired: its cause has another code then."""
    node = factories.registered_node(name="rim1")
    factories.certificate("service", holder_id=node.pk, holder="rim1.example", at=NOW - 800 * DAY, not_after=NOW + 5 * DAY)
    factories.certificate("client", holder_id=node.pk, holder="rim1.example", at=NOW - 800 * DAY, not_after=NOW + 900 * DAY)
    night.passes()
    night.skips(5 * DAY)
    night.passes(timedelta(minutes=5))
    old = Alert.objects.get(code="certificate-expiring")
    replaced = Alert.objects.get(code="certificate-expired")
    assert (old.state, replaced.state, old.remedy) == ("closed", "open", f"See “{replaced.title}”, which replaces it.")
    closing = old.messages.get(change=Change.CLOSED)
    assert "The cause is gone" not in "".join(lines(closing, old, night.now))
    assert replaced.title in "".join(lines(closing, old, night.now))
