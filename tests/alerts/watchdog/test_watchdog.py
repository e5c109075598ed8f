"""The watchdog is called while all parts are well, and only then."""

import logging
import socket
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from alerts.models import Alert, Channel, Delivery, Message, QueuedMessage, Rules
from alerts.rules.models import rules_current
from alerts.states import DeliveryState
from alerts.watchdog.services import watchdog_call
from alerts.watchdog.status import LIST_WAITS, watchdog_status
from attention.needs import Look, needs
from certs.certificates.revocation_lists import TASK
from jobs.models import Job, PeriodicWork
from jobs.registry import MOST_PATIENCE, periodic_tasks
from jobs.services import job_create
from tests import factories
from tests.receivers import LOOPBACK, HttpReceiver, http_receiver, status

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
NOW = timezone.now()
OLD = NOW - MOST_PATIENCE - SECOND


@pytest.fixture(autouse=True)
def well(settings: Any, site_directory: Path) -> None:
    """A site on which all periodic work has just run."""
    settings.QMC_OUTBOUND_NETWORKS = LOOPBACK
    for task in periodic_tasks():
        PeriodicWork.objects.update_or_create(name=task.name, defaults={"lease_until": NOW, "last_success": NOW})


@pytest.fixture
def watcher(settings: Any) -> Iterator[HttpReceiver]:
    """What expects the calls."""
    with http_receiver() as receiver:
        settings.QMC_WATCHDOG_URL = receiver.url
        yield receiver


def queued(channel: Channel, **fields: Any) -> QueuedMessage:
    """A message that is due on `channel`."""
    alert = Alert.objects.create(code="node-silent", severity="warning", title="rim1 is silent", opened_at=NOW, changed_at=NOW)
    at = fields.pop("at", NOW)
    message = Message.objects.create(number=1, alert=alert, change="opened", at=at, severity="warning", title="rim1 is silent")
    return QueuedMessage.objects.create(message=message, channel=channel, **{"due_at": OLD} | fields)


def test_each_turn_is_one_call(watcher: HttpReceiver) -> None:
    watchdog_call(now=NOW)
    (call,) = watcher.received
    assert (call.path, call.body) == ("/hook?token=1", b"")
    assert call.headers["User-Agent"].startswith("trust-zone-console/")
    found = watchdog_status(now=NOW)
    assert (found.source, found.called_at, found.error, found.problems) == ("environment", NOW, "", ())


def test_the_url_of_the_sites_data_is_called_if_the_environment_has_none(watcher: HttpReceiver, settings: Any) -> None:
    rules = rules_current()
    rules.watchdog_url = watcher.url.replace("hook", "data")
    rules.save()
    watchdog_call(now=NOW)
    settings.QMC_WATCHDOG_URL = ""
    assert watchdog_status(now=NOW).source == "site data"
    watchdog_call(now=NOW)
    assert [call.path for call in watcher.received] == ["/hook?token=1", "/data?token=1"]


def test_without_a_url_nothing_is_called(watcher: HttpReceiver, settings: Any) -> None:
    settings.QMC_WATCHDOG_URL = ""
    watchdog_call(now=NOW)
    assert not watcher.received
    assert not watchdog_status(now=NOW).is_configured


@pytest.mark.parametrize("name", [task.name for task in periodic_tasks() if task.patience])
@pytest.mark.parametrize("changes", [{"last_success": OLD}, {"last_success": NOW + timedelta(days=1)}, {"last_error": "OSError: no"}],
                         ids=["hangs", "clock set back", "fails"])  # fmt: skip
def test_it_is_silent_if_periodic_work_does_not_run(watcher: HttpReceiver, name: str, changes: dict[str, Any]) -> None:
    PeriodicWork.objects.filter(name=name).update(**changes)
    watchdog_call(now=NOW)
    assert not watcher.received
    (part,) = watchdog_status(now=NOW).problems
    assert part.label == {task.name: task.label for task in periodic_tasks()}[name]


def test_it_is_silent_while_a_revocation_list_waits_for_its_signature(watcher: HttpReceiver) -> None:
    job_create(task=TASK, subject=uuid.uuid4(), title="list", actor="system", now=NOW - LIST_WAITS)
    watchdog_call(now=NOW)
    assert len(watcher.received) == 1
    watchdog_call(now=NOW + SECOND)
    assert [part.label for part in watchdog_status(now=NOW + SECOND).problems] == ["Revocation lists"]
    Job.objects.update(outcome=Job.Outcome.DONE)
    watchdog_call(now=NOW + SECOND)
    assert len(watcher.received) == 2


def _all_fail() -> None:
    for name in ("ops", "night"):
        factories.channel(name, at=NOW, failing_since=OLD)


def _delivery(state: DeliveryState, **fields: Any) -> Delivery:
    dates = {"created_at": OLD, "changed_at": OLD} | fields
    return Delivery.objects.create(channel=factories.channel(at=NOW), state=state, title="rim1 is silent", **dates)


UNDELIVERED: dict[str, Callable[[], object]] = {
    "all channels fail": _all_fail,
    "a message waits": lambda: queued(factories.channel(at=NOW)),
    "a message waits since before the clock was set back": lambda: queued(
        factories.channel(at=NOW), at=NOW + timedelta(days=1), due_at=NOW + timedelta(days=1)
    ),
    "a delivery was not begun": lambda: _delivery(DeliveryState.WAITING),
    "a delivery hangs": lambda: _delivery(DeliveryState.SENDING),
    "a delivery is not repeated": lambda: _delivery(DeliveryState.UNKNOWN),
    "a delivery was begun before the clock was set back": lambda: _delivery(DeliveryState.SENDING, changed_at=NOW + timedelta(days=1)),
}
DELIVERED: dict[str, Callable[[], object]] = {
    "no channels": lambda: None,
    "one of two fails": lambda: (factories.channel("ops", at=NOW, failing_since=OLD), factories.channel("night", at=NOW)),
    "all fail since a moment ago": lambda: factories.channel(at=NOW, failing_since=NOW - SECOND),
    "a failing one is disabled": lambda: factories.channel(at=NOW, failing_since=OLD, enabled=False),
    "a message is due since a moment ago": lambda: queued(factories.channel(at=NOW), due_at=NOW - SECOND),
    "a message waits for its hours": lambda: queued(factories.channel(at=NOW), due_at=NOW + timedelta(hours=8)),
    "a message was superseded": lambda: queued(factories.channel(at=NOW), superseded=True),
    "a message waits for a channel that is disabled": lambda: queued(factories.channel(at=NOW, enabled=False)),
    "a message waits for a channel that fails": lambda: (factories.channel("night", at=NOW), queued(factories.channel(at=NOW, failing_since=OLD))),
    "a message is sent": lambda: _delivery(DeliveryState.SENT),
}  # fmt: skip


@pytest.mark.parametrize(
    ("happens", "is_well"),
    [*((happens, False) for happens in UNDELIVERED.values()), *((happens, True) for happens in DELIVERED.values())],
    ids=[*UNDELIVERED, *DELIVERED],
)
def test_it_is_silent_while_alerts_are_not_delivered(watcher: HttpReceiver, happens: Callable[[], object], is_well: bool) -> None:
    happens()
    watchdog_call(now=NOW)
    assert bool(watcher.received) is is_well
    assert {part.label for part in watchdog_status(now=NOW).problems} == (set() if is_well else {"Alert delivery"})


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def codes(now: Any) -> set[str]:
    return {need.code for need in needs(Look(now))} & {"watchdog-unreachable"}


@pytest.mark.parametrize("fails", ["refuses", "500", "redirects"])
def test_a_url_that_does_not_answer_is_a_need_after_five_minutes(
    watcher: HttpReceiver, settings: Any, fails: str, caplog: pytest.LogCaptureFixture
) -> None:
    watchdog_call(now=NOW)
    if fails == "refuses":
        settings.QMC_WATCHDOG_URL = f"http://127.0.0.1:{closed_port()}/ping/a-secret"
    else:
        watcher.respond = status(500) if fails == "500" else status(302, Location="/elsewhere")
    caplog.set_level(logging.INFO)
    later = NOW + timedelta(minutes=5)
    for now in (NOW + timedelta(minutes=1), later):
        PeriodicWork.objects.update(last_success=now)
        watchdog_call(now=now)
    assert (codes(later), codes(later + SECOND)) == (set(), {"watchdog-unreachable"})
    error = Rules.objects.get().watchdog_error
    assert error
    assert not [text for text in (error, caplog.text) if "a-secret" in text or "token" in text]
    settings.QMC_WATCHDOG_URL, watcher.respond = watcher.url, status(200)
    PeriodicWork.objects.update(last_success=later + SECOND)
    watchdog_call(now=later + SECOND)
    assert (codes(later + SECOND), Rules.objects.get().watchdog_error) == (set(), "")


def test_a_url_that_was_removed_is_no_need(watcher: HttpReceiver, settings: Any) -> None:
    watcher.respond = status(500)
    watchdog_call(now=NOW)
    assert codes(NOW) == {"watchdog-unreachable"}
    settings.QMC_WATCHDOG_URL = ""
    watchdog_call(now=NOW)
    assert codes(NOW) == set()


def test_a_call_that_the_clock_dates_in_the_future_hides_no_failure(watcher: HttpReceiver) -> None:
    watchdog_call(now=NOW)
    Rules.objects.update(watchdog_called_at=NOW + timedelta(days=1))
    watcher.respond = status(500)
    watchdog_call(now=NOW)
    assert codes(NOW) == {"watchdog-unreachable"}
