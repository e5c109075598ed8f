"""Automatic renewal: certificates are renewed before they expire, and the root is replaced at half its lifetime. Runs in workers."""

import contextlib
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet

from audit.actors import SYSTEM
from certs.certificates.issuer import issuing_root
from certs.certificates.services import certificate_transition
from certs.errors import RotationRefused, StaleCertificate
from certs.models import Certificate, CertificateQuerySet, Rotation
from certs.roots.services import cluster_in_force, cluster_renew
from certs.states import CertificateStatus
from certs.zone.services import zone_current
from jobs.leases import written_ahead
from nodes.inventory.silence import nodes_in, observed, silent_nodes
from nodes.models import Node, Observation, Renewal
from nodes.observation.clock_doubt import clock_believed
from nodes.renewal.services import renewal_ensure
from nodes.rotations.root import root_rotation_start
from nodes.rotations.services import nodes_to_rotate
from nodes.states import NodeState, RenewalStatus
from pki.core import lifetime
from pki.core.roles import OWN_KINDS, Kind

AGAIN = timedelta(hours=1)
BATCH = 200  # renewals that one run starts; the next one starts more


@dataclass(frozen=True)
class Due:
    """A node whose certificates are due for renewal, since when, and when the first of them expires. `certificates` are the ids of its own."""

    node: Node
    since: datetime
    not_after: datetime
    certificates: frozenset[str] = frozenset()


def due_certificates(*, since: datetime, now: datetime) -> CertificateQuerySet:
    """Certificates that were due for renewal at the time `since`, and whose renewal is worthwhile. Raises: ZoneMissing, ZoneBroken."""
    # The database finds these with the index on `renew_at`.
    return Certificate.objects.issued().filter(renew_at__lte=since, not_after__lte=_new_not_after(now) - lifetime.SHORTEST_GAIN)


def _new_not_after(now: datetime) -> datetime:
    """The expiry date of a certificate that is made now."""
    root, months = issuing_root(), zone_current().lifetime_months
    return lifetime.validity(now=now, months=months, issuer_not_after=root.not_after).not_after


def due_nodes(*, since: datetime, now: datetime) -> Q:
    """Registered nodes that were due for renewal at the time `since`: their own certificates, or the cluster certificate. Raises: ZoneMissing, ZoneBroken."""
    own = due_certificates(since=since, now=now).filter(kind__in=OWN_KINDS).values("holder_id")
    return nodes_in(own, *_without_cluster(since=since)) & Q(state=NodeState.REGISTERED)


def _cluster_due_at(cluster: Certificate, pk: uuid.UUID) -> datetime:
    """When a node that reports an older cluster certificate is due."""
    return cluster.created_at + lifetime.share(cluster.not_before, cluster.not_after, pk.int)


def _without_cluster(*, since: datetime) -> "list[QuerySet[Any, Any]]":
    """The nodes that report an older cluster certificate than the current one, and were due at the time `since`. Raises: ZoneMissing, ZoneBroken."""
    cluster = cluster_in_force(issuing_root())
    if cluster is None or since < cluster.created_at:
        return []
    ranges = Q(cluster_sha256__gt="", cluster_sha256__lt=cluster.sha256), Q(cluster_sha256__gt=cluster.sha256)  # for the index
    if since >= cluster.created_at + lifetime.longest_share(cluster.not_before, cluster.not_after):
        return [Observation.objects.filter(condition).values("node") for condition in ranges]
    lacking = Node.objects.filter(observed(*ranges), state=NodeState.REGISTERED).order_by().values_list("pk", flat=True)
    due = [pk for pk in lacking if _cluster_due_at(cluster, pk) <= since]
    return [Node.objects.filter(pk__in=due).values("pk")]


def dues_of(nodes: Collection[Node], *, now: datetime, known: Iterable[Certificate] | None = None) -> list[Due]:
    """Since when each of `nodes` is due, and when its first due certificate expires; a fixed number of queries. Select the observations with the nodes.

    `known` are certificates that they hold, all issued ones among them, if the caller has read them. Nodes that do not trust the issuing root yet are left out. Raises: ZoneMissing, ZoneBroken.
    """
    root, by_pk = issuing_root(), {node.pk: node for node in nodes}
    moments: dict[uuid.UUID, list[tuple[datetime, datetime]]] = defaultdict(list)
    own: dict[uuid.UUID, set[str]] = defaultdict(set)
    gets = _new_not_after(now)
    if known is None:
        held = Certificate.objects.issued().filter(kind__in=OWN_KINDS, holder_id__in=by_pk)
        known = held.only("kind", "status", "holder_id", "renew_at", "not_after")
    for row in known:
        if row.holder_id is None or row.status != CertificateStatus.ISSUED or row.kind not in OWN_KINDS:
            continue
        own[row.holder_id].add(str(row.pk))
        if row.renew_at is not None and row.renew_at <= now and lifetime.is_worth_renewing(row.not_after, new_not_after=gets):
            moments[row.holder_id].append((row.renew_at, row.not_after))
    for node, at, not_after in _cluster_dues(nodes, root):
        if at <= now:
            moments[node.pk].append((at, not_after))
    found = [
        Due(by_pk[pk], min(at for at, _ in dates), min(not_after for _, not_after in dates), frozenset(own[pk]))
        for pk, dates in moments.items()
    ]
    return sorted(
        (due for due in found if due.node.observed is None or root.sha256 in due.node.observed.trusts), key=lambda due: due.not_after
    )


def _cluster_dues(nodes: Collection[Node], root: Certificate) -> list[tuple[Node, datetime, datetime]]:
    """The nodes that report an older cluster certificate, when they are due, and when that one expires."""
    cluster = cluster_in_force(root)
    reported = [(node, node.observed.cluster_sha256) for node in nodes if node.observed and node.observed.cluster_sha256]
    older = [
        (node, sha256)
        for node, sha256 in reported
        if cluster is not None and sha256 != cluster.sha256 and node.state == NodeState.REGISTERED
    ]
    if cluster is None or not older:
        return []
    expiry = dict(Certificate.objects.filter(kind=Kind.CLUSTER).exclude(sha256="").order_by().values_list("sha256", "not_after"))
    return [(node, _cluster_due_at(cluster, node.pk), expiry[sha256]) for node, sha256 in older if sha256 in expiry]


def renewals_due(*, now: datetime) -> list[Due]:
    """Registered nodes that are due for renewal and trust the root that issues now. Raises: ZoneMissing, ZoneBroken."""
    return dues_of(Node.objects.filter(due_nodes(since=now, now=now)).select_related("observation"), now=now)


def _look_after_cluster(now: datetime) -> None:
    """Replace the cluster certificate when it is due; supersede the previous one when every node reports the new one."""
    zone, root = zone_current(), issuing_root()
    cluster = cluster_in_force(root)
    if cluster is None or cluster.issuer_id != root.pk:
        return  # the rotation of the root replaces it
    if due_certificates(since=now, now=now).filter(pk=cluster.pk).exists():
        with contextlib.suppress(StaleCertificate):  # another worker makes it
            cluster_renew(zone=zone, root=root, actor=SYSTEM, now=now)
        return
    replaced = list(Certificate.objects.issued().filter(kind=Kind.CLUSTER, issuer=root).exclude(pk=cluster.pk))
    if replaced and not nodes_to_rotate().exclude(observation__cluster_sha256=cluster.sha256).exists():
        for old in replaced:
            reason = "every node has the new certificate"
            certificate_transition(certificate=old, to=CertificateStatus.SUPERSEDED, reason=reason, actor=SYSTEM, now=now)


def root_is_due(root: Certificate, now: datetime) -> bool:
    return now >= lifetime.root_due_at(root.not_before, root.not_after)


def rotates_next(now: datetime) -> bool:
    """Whether the root is replaced automatically when it is due. A rotation that a person rolled back does not start again automatically."""
    last = Rotation.objects.filter(kind=Rotation.Kind.ROOT).first()
    return zone_current().rotates_by_itself and not (last is not None and last.rolled_back)


def calls_follow_clock(*, now: datetime) -> None:
    """After the clock was set back, give calls dated in the future the current time. Otherwise a silent node would count as online until then."""
    Observation.objects.filter(written_ahead("last_seen_at", now)).update(
        last_seen_at=now, silent_at=now + (F("silent_at") - F("last_seen_at"))
    )


def automatic_renewal(*, now: datetime) -> None:
    """Start the renewals and the rotation that are due. Idempotent. Raises: ZoneMissing, ZoneBroken, ClockDoubtful."""
    clock_believed(now=now)
    if rotates_next(now) and root_is_due(issuing_root(), now):
        with contextlib.suppress(RotationRefused):  # a rotation is in progress; the next run tries again
            root_rotation_start(actor=SYSTEM, now=now)
    _look_after_cluster(now)
    # A renewal that is in progress or has just failed, or a silent node, keeps no other node waiting.
    failed = Renewal.objects.filter(status=RenewalStatus.FAILED, created_at__gt=now - AGAIN, created_at__lte=now)
    waits = Renewal.objects.under_way()
    ready = Node.objects.filter(due_nodes(since=now, now=now), observation__isnull=False).exclude(silent_nodes(now))
    for other in (failed, waits):
        ready = ready.exclude(pk__in=other.values("node"))
    started, after = 0, uuid.UUID(int=0)
    while started < BATCH and (batch := list(ready.filter(pk__gt=after).select_related("observation").order_by("pk")[:BATCH])):
        started += sum(renewal_ensure(actor=SYSTEM, node=due.node, now=now) is not None for due in dues_of(batch, now=now))
        after = batch[-1].pk
