"""Values of the database for `/metrics`. docs/develop/monitoring.md lists them. An index or a counted query of a page answers each of them."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from django.db.models import Count, Max, Min
from prometheus_client.core import GaugeMetricFamily

from alerts.models import Alert
from attention.expiring import Happens
from attention.once import facts_once
from attention.work import periodic_work
from audit.actors import SYSTEM
from audit.chain import head_place
from audit.models import Checkpoint, Finding
from backups.backup import VERIFIED
from certs.revocation.lists import lists_newest
from jobs.models import Job
from jobs.registry import periodic_tasks
from nodes.inventory.conditions import CONDITIONS
from nodes.inventory.counts import node_counts, regular_interval_now
from nodes.inventory.health import health_counts
from nodes.models import Node, Observation, Renewal
from nodes.observation.clock_doubt import last_callers
from nodes.states import RENEWAL_ENDED, NodeState, RenewalStatus
from qmc.expiry.everything import Everything
from sealing.errors import TrustZoneError

DAY = timedelta(days=1)
DATABASE_UP = "qmc_database_up"
# Name → what it says, and its labels.
GAUGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "qmc_expiry_earliest_timestamp_seconds": ("When the first thing of this kind expires.", ("kind",)),
    "qmc_expiring": ("Things that expire, by the time left and by what happens then.", ("kind", "bucket", "happens")),
    "qmc_nodes": ("Nodes by state, without decommissioned ones.", ("state",)),
    "qmc_nodes_health": ("Nodes by health: whether they call and their certificates are accepted.", ("health",)),
    "qmc_nodes_renewal_overdue": ("Nodes whose renewal is late by a day or more.", ()),
    "qmc_nodes_clock_off": ("Nodes that call and whose clock is off by a minute or more.", ()),
    "qmc_node_clock_offset_seconds": ("The lowest and the highest clock offset of nodes that call.", ("bound",)),
    "qmc_heartbeat_latest_timestamp_seconds": ("When a node besides the central node called last.", ()),
    "qmc_heartbeat_interval_seconds": ("Time between the calls of a node now.", ()),
    "qmc_renewals_in_progress": ("Renewals in progress.", ("state",)),
    "qmc_renewals_last_day": ("Renewals of the last 24 hours that ended, by how they ended.", ("state",)),
    "qmc_jobs": ("Jobs that wait or run.", ("state",)),
    "qmc_jobs_last_day": ("Jobs of the last 24 hours that finished, by outcome.", ("outcome",)),
    "qmc_job_queue_age_seconds": ("For how long the oldest due job has waited for a worker.", ()),
    "qmc_periodic_last_success_timestamp_seconds": ("When this periodic work succeeded last; 0 if never.", ("work",)),
    "qmc_periodic_period_seconds": ("How often this periodic work is requested.", ("work",)),
    "qmc_periodic_failing": ("Whether the last run of this periodic work failed.", ("work",)),
    "qmc_alerts_open": ("Alerts that are not closed.", ("code", "severity")),
    "qmc_audit_sequence": ("The number of the last event of the audit log.", ()),
    "qmc_audit_checkpoint_sequence": ("The last event that a signed checkpoint proves.", ()),
    "qmc_audit_checkpoint_timestamp_seconds": ("When the last checkpoint was signed; 0 if never.", ()),
    "qmc_audit_findings": ("What the last verifications of the audit log found.", ()),
    "qmc_backup_verified_timestamp_seconds": ("The time of the last verified backup; 0 if there is none.", ()),
    "qmc_backup_failing": ("Whether the trial restore of the last backup failed.", ()),
    "qmc_revocation_list_timestamp_seconds": ("When the newest revocation list of this root was signed.", ("root",)),
    "qmc_revocation_list_next_update_timestamp_seconds": ("When the newest revocation list of this root is overdue.", ("root",)),
}
Value = tuple[str, tuple[str, ...], float]  # the name of a gauge, its label values, and the value


def values(now: datetime) -> list[GaugeMetricFamily]:
    """All gauges of the database. Raises: DatabaseError."""
    families = {name: GaugeMetricFamily(name, text, labels=labels) for name, (text, labels) in GAUGES.items()}
    with facts_once():
        for read in READERS:
            for name, labels, value in read(now):
                families[name].add_metric(labels, value)
    return list(families.values())


def _expiry(now: datetime) -> Iterator[Value]:
    try:
        every = Everything(SYSTEM, now, now)
        totals = every.totals
    except TrustZoneError:
        return
    first: dict[str, datetime] = {}
    counts: dict[tuple[str, ...], int] = {}
    # Totals of rows that require an action are counted in those of all rows too.
    by_hand = [(total.kind, total.bucket, total.first, total.rows) for total in totals.totals if total.by_hand]
    both = [(total.kind, total.bucket, total.first, total.rows) for total in totals.totals if not total.by_hand]
    for kind, bucket, at, rows in both:
        first[kind] = min(first.get(kind, at), at)
        _add(counts, kind, bucket, Happens.BY_ITSELF, rows)
    for kind, bucket, _, rows in by_hand:
        _add(counts, kind, bucket, Happens.BY_ITSELF, -rows)
        _add(counts, kind, bucket, Happens.BY_HAND, rows)
    for row in totals.few:
        first[row.kind] = min(first.get(row.kind, row.not_after), row.not_after)
        _add(counts, row.kind, row.bucket, row.wording.happens, 1)
    yield from (("qmc_expiry_earliest_timestamp_seconds", (kind,), at.timestamp()) for kind, at in first.items())
    yield from (("qmc_expiring", labels, count) for labels, count in counts.items())


def _add(counts: dict[tuple[str, ...], int], kind: str, bucket: str, happens: Happens, rows: int) -> None:
    key = kind, bucket, happens.value
    counts[key] = counts.get(key, 0) + rows


def _nodes(now: datetime) -> Iterator[Value]:
    by_state = node_counts().by_state
    present = [state for state in NodeState if state != NodeState.DECOMMISSIONED]
    yield from (("qmc_nodes", (state.value,), by_state.get(state, 0)) for state in present)
    yield from (("qmc_nodes_health", (health.value,), count) for health, count in health_counts(now=now).items())
    for name, need in (("qmc_nodes_renewal_overdue", "renewal-overdue"), ("qmc_nodes_clock_off", "node-clock-off")):
        yield name, (), Node.objects.filter(CONDITIONS[need](now)).count()


def _heartbeats(now: datetime) -> Iterator[Value]:
    if last := last_callers(now):
        yield "qmc_heartbeat_latest_timestamp_seconds", (), max(seen.last_seen_at for seen in last).timestamp()
    yield "qmc_heartbeat_interval_seconds", (), regular_interval_now()
    calling = Observation.objects.filter(silent_at__gt=now, node__state=NodeState.REGISTERED)
    offsets = calling.aggregate(lowest=Min("clock_offset_s"), highest=Max("clock_offset_s"))
    yield from (("qmc_node_clock_offset_seconds", (bound,), offset) for bound, offset in offsets.items() if offset is not None)


def _renewals(now: datetime) -> Iterator[Value]:
    found = dict(Renewal.objects.under_way().order_by().values_list("status").annotate(Count("pk")))
    under_way = [status for status in RenewalStatus if status not in RENEWAL_ENDED]
    yield from (("qmc_renewals_in_progress", (status.value,), found.get(status, 0)) for status in under_way)
    for status in RENEWAL_ENDED:
        ended = Renewal.objects.filter(status=status, created_at__gte=now - DAY)
        yield "qmc_renewals_last_day", (status.value,), ended.count()


def _jobs(now: datetime) -> Iterator[Value]:
    yield "qmc_jobs", ("waiting",), Job.objects.waiting().count()
    yield "qmc_jobs", ("running",), Job.objects.running().count()
    for outcome in Job.Outcome:
        yield "qmc_jobs_last_day", (outcome.value,), Job.objects.finished(outcome).filter(created_at__gte=now - DAY).count()
    oldest = Job.objects.due(now).order_by("next_attempt_at").values_list("next_attempt_at", flat=True).first()
    yield "qmc_job_queue_age_seconds", (), max((now - oldest).total_seconds(), 0) if oldest else 0


def _periodic(now: datetime) -> Iterator[Value]:
    rows = periodic_work()
    for task in periodic_tasks():
        row, label = rows.get(task.name), (task.name,)
        yield "qmc_periodic_last_success_timestamp_seconds", label, _seconds(row.last_success if row else None)
        yield "qmc_periodic_period_seconds", label, task.period.total_seconds()
        yield "qmc_periodic_failing", label, bool(row and row.last_error)
    backup = rows.get(VERIFIED)
    yield "qmc_backup_verified_timestamp_seconds", (), _seconds(backup.last_success if backup else None)
    yield "qmc_backup_failing", (), bool(backup and backup.last_error)


def _alerts(now: datetime) -> Iterator[Value]:
    found = Alert.objects.unclosed().order_by().values_list("code", "severity").annotate(Count("pk"))
    yield from (("qmc_alerts_open", (code, severity), count) for code, severity, count in found)


def _audit(now: datetime) -> Iterator[Value]:
    yield "qmc_audit_sequence", (), head_place().sequence
    last = Checkpoint.objects.signed().order_by("-number").only("sequence", "at").first()
    yield "qmc_audit_checkpoint_sequence", (), last.sequence if last else 0
    yield "qmc_audit_checkpoint_timestamp_seconds", (), _seconds(last.at if last else None)
    yield "qmc_audit_findings", (), Finding.objects.count()


def _revocation(now: datetime) -> Iterator[Value]:
    for signed in lists_newest():
        root = (signed.root.subject,)
        yield "qmc_revocation_list_timestamp_seconds", root, signed.this_update.timestamp()
        yield "qmc_revocation_list_next_update_timestamp_seconds", root, signed.next_update.timestamp()


def _seconds(at: datetime | None) -> float:
    return at.timestamp() if at else 0


READERS: tuple[Callable[[datetime], Iterator[Value]], ...] = (
    _expiry, _nodes, _heartbeats, _renewals, _jobs, _periodic, _alerts, _audit, _revocation,
)  # fmt: skip
