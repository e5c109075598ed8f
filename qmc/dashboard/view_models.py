"""What the parts of the dashboard show. An index answers each of their queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import CharField, Count, QuerySet
from django.db.models.functions import Cast, Left
from django.urls import reverse

from alerts.models import Alert
from attention.needs import COLORS, Severity
from audit.actors import Actor
from certs.certificates.issuer import roots_in_force
from certs.database_key.services import database_keys
from certs.keys.pool import SIZE
from certs.models import Certificate, PooledKey, RevocationList
from certs.revocation.lists import lists_newest
from certs.states import DatabaseKeyStatus
from jobs.models import Job
from nodes.inventory.counts import node_counts
from nodes.inventory.health import NodeHealth, health_counts
from nodes.models import Renewal
from nodes.states import NodeState, RenewalStatus
from qmc.dashboard.pictures import Bars, Columns, bars, begin_of_weeks, columns
from qmc.expiry.board import BoardRow
from qmc.expiry.everything import Everything, next_that_matters
from qmc.jobs.services import jobs_visible
from web.templatetags.console import LOOKS, look

MOST_JOBS = 5
KEY_WORDS: dict[str, str] = {
    DatabaseKeyStatus.PREPARED: "being made",
    DatabaseKeyStatus.DELIVERED: "being sent to the nodes",
    DatabaseKeyStatus.WRITING: "encrypts new values",
    DatabaseKeyStatus.READING: "some values are still encrypted with it",
}


@dataclass(frozen=True)
class NextExpiry:
    """The next thing to expire that matters, as on the expiry board; None if nothing has an expiry date."""

    next: BoardRow | None


def next_expiry(actor: Actor, now: datetime) -> NextExpiry:
    every = Everything(actor, now, now)
    following = next_that_matters(every)
    return NextExpiry(every.built([following])[0] if following else None)


@dataclass(frozen=True)
class NodesPart:
    """The nodes by state and by health, and the jobs that are running or waiting: the newest of `jobs`."""

    states: Bars
    health: Bars
    under_way: Sequence[Job]
    jobs: int

    @property
    def more(self) -> int:
        """The number of jobs that are not named."""
        return self.jobs - len(self.under_way)


def nodes_part(actor: Actor, now: datetime) -> NodesPart:
    by_state, unfinished, nodes = node_counts().by_state, jobs_visible(actor).unfinished(), reverse("nodes:list")
    states = [
        (NodeState(state).label.lower(), by_state[state], look(state), f"{nodes}?state={state}")
        for state in NodeState
        if by_state.get(state)
    ]
    health = [
        (health.label, count, LOOKS[health][1] if health != NodeHealth.NONE else "grey", f"{nodes}?health={health}")
        for health, count in health_counts(now=now).items()
    ]
    return NodesPart(bars(states), bars(health), list(unfinished.order_by("-created_at")[:MOST_JOBS]), unfinished.count())


@dataclass(frozen=True)
class CertificatesPart:
    """What happened in the last 13 weeks."""

    signed: Columns
    renewed: Columns
    failed: Columns


def certificates_part(now: datetime) -> CertificatesPart:
    begin = begin_of_weeks(now)
    signed = Certificate.objects.listed().filter(created_at__gte=begin)
    renewed = Renewal.objects.filter(status=RenewalStatus.PROVED, created_at__gte=begin)
    failed = Job.objects.filter(outcome=Job.Outcome.FAILED, finished_at__isnull=False, created_at__gte=begin)
    return CertificatesPart(*(columns(_by_day(rows), now) for rows in (signed, renewed, failed)))


def _by_day(rows: "QuerySet[Any]") -> dict[date, int]:
    """The number of rows that were made on each day in UTC. The text of a time begins with its day, and that is faster than the databases' functions for dates."""
    found = rows.order_by().values_list(Left(Cast("created_at", CharField()), 10)).annotate(number=Count("*"))
    return {date.fromisoformat(day): count for day, count in found}


@dataclass(frozen=True)
class KeyLine:
    """A version of the database key that is in use."""

    version: int
    words: str
    since: datetime


@dataclass(frozen=True)
class KeysPart:
    """The keys and what depends on them. `alerts` is None for people who may not see alerts."""

    roots: Sequence[Certificate]
    keys: Sequence[KeyLine]
    pool: Bars
    lists: Sequence[RevocationList]
    alerts: Bars | None


def keys_part(actor: Actor, now: datetime) -> KeysPart:
    ahead = PooledKey.objects.count()
    return KeysPart(
        roots=roots_in_force(),
        keys=[KeyLine(key.version, KEY_WORDS[key.status], key.status_since) for key in database_keys() if key.status in KEY_WORDS],
        pool=bars([("private keys made ahead", ahead, "green", ""), ("still to be made", max(SIZE - ahead, 0), "blue", "")]),
        lists=lists_newest(),
        alerts=_alerts() if actor.has_perm("alerts.view_alert") else None,
    )


def _alerts() -> Bars:
    """Alerts that are not closed, by severity."""
    counts = dict(Alert.objects.unclosed().order_by().values_list("severity").annotate(Count("pk")))
    return bars([(LOOKS[severity][0], counts.get(severity, 0), COLORS[severity], reverse("alerts:list")) for severity in Severity])
