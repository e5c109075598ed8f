"""Automatic renewal: certificates are renewed before they expire, and the root is replaced at half its lifetime. Runs in workers."""

import contextlib
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from audit.actors import SYSTEM
from certs.certificates.issuer import issuing_root
from certs.certificates.services import certificate_transition
from certs.errors import RotationRefused, StaleCertificate
from certs.models import Certificate, Rotation
from certs.roots.services import cluster_in_force, cluster_renew
from certs.states import CertificateStatus
from certs.zone.services import zone_current
from jobs.leases import written_ahead
from nodes.models import Node, Observation, Renewal
from nodes.observation.clock_doubt import clock_believed
from nodes.renewal.services import renewal_ensure
from nodes.rotations.root import root_rotation_start
from nodes.rotations.services import nodes_to_rotate
from nodes.states import NodeState, RenewalStatus
from pki.core import lifetime
from pki.core.roles import OWN_KINDS, Kind

AGAIN = timedelta(hours=1)


@dataclass(frozen=True)
class Due:
    """A node whose certificates are due for renewal, since when, and when the first of them expires. `certificates` are the ids of its own."""

    node: Node
    since: datetime
    not_after: datetime
    certificates: frozenset[str] = frozenset()


def renewals_due(*, now: datetime) -> list[Due]:
    """Registered nodes that are due for renewal and trust the root that issues now. Raises: ZoneMissing, ZoneBroken."""
    root, months = issuing_root(), zone_current().lifetime_months
    gets = lifetime.validity(now=now, months=months, issuer_not_after=root.not_after).not_after
    nodes = Node.objects.present().filter(state=NodeState.REGISTERED).select_related("observation")
    own: dict[uuid.UUID | None, list[Certificate]] = defaultdict(list)
    for certificate in Certificate.objects.issued().besides_exports().filter(kind__in=OWN_KINDS).defer("der", "sealed_private_key"):
        own[certificate.holder_id].append(certificate)
    cluster, found = cluster_in_force(root), []
    clusters = dict(Certificate.objects.filter(kind=Kind.CLUSTER).exclude(sha256="").values_list("sha256", "not_after"))
    for node in nodes:
        moments = [*_own_due(own[node.pk], gets, now), *_cluster_due(node, cluster, clusters, now)]
        if moments and (node.observed is None or root.sha256 in node.observed.trusts):
            certificates = frozenset(str(certificate.pk) for certificate in own[node.pk])
            found.append(Due(node, min(at for at, _ in moments), min(end for _, end in moments), certificates))
    return sorted(found, key=lambda due: due.not_after)


def _own_due(certificates: list[Certificate], gets: datetime, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """For each due certificate: since when it is due, and when it expires. `gets` is the expiry time of a new certificate."""
    for certificate in certificates:
        at = lifetime.renewal_at(certificate.not_before, certificate.not_after, int(certificate.serial, 16))
        if at <= now and lifetime.is_worth_renewing(certificate.not_after, new_not_after=gets):
            yield at, certificate.not_after


def _cluster_due(node: Node, cluster: Certificate | None, ends: dict[str, datetime], now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The same for the site's cluster certificate, where the node still reports the one before; `ends` are those of all there ever were."""
    seen = node.observed
    if cluster is not None and seen is not None and seen.installed.get("cluster") != cluster.sha256:
        at = cluster.created_at + lifetime.share(cluster.not_before, cluster.not_after, node.pk.int)
        end = ends.get(seen.installed.get("cluster", ""))
        if at <= now and end is not None:
            yield at, end


def _look_after_cluster(now: datetime) -> None:
    """Replace the cluster certificate when it is due; supersede the previous one when every node reports the new one."""
    zone, root = zone_current(), issuing_root()
    cluster = cluster_in_force(root)
    if cluster is None or cluster.issuer_id != root.pk:
        return  # the rotation of the root replaces it
    gets = lifetime.validity(now=now, months=zone.lifetime_months, issuer_not_after=root.not_after).not_after
    at = lifetime.renewal_at(cluster.not_before, cluster.not_after, int(cluster.serial, 16))
    if at <= now and lifetime.is_worth_renewing(cluster.not_after, new_not_after=gets):
        with contextlib.suppress(StaleCertificate):  # another worker makes it
            cluster_renew(zone=zone, root=root, actor=SYSTEM, now=now)
        return
    if all(node.observed and node.observed.installed.get("cluster") == cluster.sha256 for node in nodes_to_rotate()):
        for old in Certificate.objects.issued().filter(kind=Kind.CLUSTER, issuer=root).exclude(pk=cluster.pk):
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
    Observation.objects.filter(written_ahead("last_seen_at", now)).update(last_seen_at=now)


def automatic_renewal(*, now: datetime) -> None:
    """Start the renewals and the rotation that are due. Idempotent. Raises: ZoneMissing, ZoneBroken, ClockDoubtful."""
    clock_believed(now=now)
    if rotates_next(now) and root_is_due(issuing_root(), now):
        with contextlib.suppress(RotationRefused):  # a rotation is in progress; the next run tries again
            root_rotation_start(actor=SYSTEM, now=now)
    _look_after_cluster(now)
    for due in renewals_due(now=now):
        last = Renewal.objects.filter(node=due.node).first()
        # The age is negative if the clock was set back in the meantime.
        failed = last is not None and last.status == RenewalStatus.FAILED and timedelta(0) <= now - last.created_at < AGAIN
        if due.node.online(now) and not failed:
            renewal_ensure(actor=SYSTEM, node=due.node, now=now)
