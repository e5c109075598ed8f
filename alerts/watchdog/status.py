"""Whether everything is well that the watchdog stands for, and what is known of its calls."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from alerts.models import Channel, Delivery, QueuedMessage, Rules
from alerts.rules.models import rules_current
from alerts.states import UNDELIVERED
from attention.work import periodic_work
from certs.revocation.lists import lists_wait
from jobs.health import health
from jobs.leases import SKEW, waits_too_long
from jobs.registry import MOST_PATIENCE

ENVIRONMENT, SITE_DATA = "environment", "site data"
LIST_WAITS = timedelta(seconds=60)  # the sweep requests lists every 30 s, and both together must be shorter than two minutes
UNREACHABLE_AFTER = timedelta(minutes=5)


@dataclass(frozen=True)
class Part:
    """One part that must be well; `problem` is empty while it is."""

    label: str
    problem: str
    last_success: datetime | None = None


@dataclass(frozen=True)
class WatchdogStatus:
    """`source` says where the URL is set, "" if it is not. `called_at` is the last call that was answered, `error` the failure of a later one."""

    source: str
    called_at: datetime | None
    error: str
    parts: tuple[Part, ...]

    @property
    def is_configured(self) -> bool:
        return bool(self.source)

    @property
    def problems(self) -> tuple[Part, ...]:
        """The parts for which it is silent."""
        return tuple(part for part in self.parts if part.problem)


def watchdog_url() -> str:
    """The URL, or "". The environment overrides the site's data. Raises: UnknownKey, Altered, ZoneBroken."""
    recorded = rules_current().watchdog_url
    return settings.QMC_WATCHDOG_URL or (recorded.text() if recorded else "")


def watchdog_status(*, now: datetime) -> WatchdogStatus:
    """What pages and API show."""
    rules = rules_current()
    source = ENVIRONMENT if settings.QMC_WATCHDOG_URL else SITE_DATA if rules.watchdog_url else ""
    return WatchdogStatus(source, rules.watchdog_called_at, rules.watchdog_error, parts(now=now))


def parts(*, now: datetime) -> tuple[Part, ...]:
    """Periodic work, revocation lists and the delivery of alerts. The call itself goes through beat, broker, worker and database."""
    return (
        *(Part(work.label, work.problem, work.last_success) for work in health(periodic_work(), now=now)),
        Part("Revocation lists", "one has waited for its signature for too long" if lists_wait(longer_than=LIST_WAITS, now=now) else ""),
        Part("Alert delivery", _delivery_problem(now)),
    )


def _delivery_problem(now: datetime) -> str:
    """A channel that fails is reported on the other channels, so it is no problem here unless all fail. Messages that wait for no known reason are one."""
    channels = Channel.objects.filter(enabled=True)
    failing = [channel.failing_since for channel in channels]
    if failing and all(since is not None and now - since > MOST_PATIENCE for since in failing):
        return "no channel accepts messages"
    well = channels.filter(failing_since=None)
    queued = QueuedMessage.objects.due(now).filter(waits_too_long("due_at", now, MOST_PATIENCE), channel__in=well)
    begun = Delivery.objects.filter(waits_too_long("changed_at", now, MOST_PATIENCE), channel__in=well, state__in=UNDELIVERED)
    return "messages wait, and no channel reports a failure" if queued.exists() or begun.exists() else ""


def unreachable(now: datetime) -> "QuerySet[Rules]":
    """The rules, if the last call failed, and none was answered for a while before it."""
    return Rules.objects.exclude(watchdog_error="").exclude(watchdog_called_at__range=(now - UNREACHABLE_AFTER, now + SKEW))
