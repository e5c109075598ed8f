"""The nodes that have the cluster certificate, their proofs, and the manual configuration that remains (S6, S7)."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Case, CharField, IntegerField, Q, QuerySet, Value, When

from attention.once import once
from audit.actors import Actor
from audit.record import record
from certs.cluster.services import cluster_current
from certs.models import Certificate, TrustZone
from certs.zone.services import zone_current
from nodes.errors import IllegalNodeTransition, InputInvalid, StaleNode
from nodes.inventory.counts import node_counts
from nodes.inventory.models import NodeQuerySet
from nodes.inventory.silence import nodes_in
from nodes.models import Node, Observation, Renewal
from nodes.observation.models import proof_is_recent
from nodes.renewal.services import node_renew
from nodes.states import NodeState
from pki.cluster import proofs
from pki.cluster.manual_configuration import Answer, AppDistribution, Installation, Release, Site, manual_configuration
from pki.core.errors import ProofRefused, ReleaseUnknown
from pki.core.roles import Kind
from pki.exchange.report import Report
from web.lists.counts import Unusual

# What is done on a node: nothing, it has the current certificate, and it has proved it.
RANKS = LACKING, CURRENT, VERIFIED = 0, 1, 2


@dataclass(frozen=True)
class ClusterNode:
    """The cluster certificate on one node. `held` is None if the node has no valid one of this trust zone."""

    node: Node
    in_force: Certificate
    held: Certificate | None
    heard: bool
    proved_at: datetime | None
    renewing: bool = False

    @property
    def present(self) -> bool:
        return self.held is not None

    @property
    def current(self) -> bool:
        return self.held is not None and self.held.pk == self.in_force.pk

    @property
    def verified(self) -> bool:
        """Whether the node itself signed with the key of the current certificate."""
        return self.current and self.proved_at is not None

    @property
    def state(self) -> str:
        if not self.heard:
            return "cluster_unknown"
        if not self.present:
            return "cluster_missing"
        if not self.current:
            return "cluster_older"
        return "cluster_proved" if self.proved_at else "cluster_current"

    @property
    def ticked(self) -> bool:
        """Whether a person marked the current certificate as imported. A mark from before it was created does not count."""
        at = self.node.cluster_ticked_at
        return at is not None and at >= self.in_force.created_at


def cluster_nodes(nodes: Iterable[Node], *, in_force: Certificate) -> list[ClusterNode]:
    """Each of `nodes`, with three queries in total. Select the observations with the nodes."""
    shown, known = list(nodes), _accepted()
    renewals = Renewal.objects.under_way().filter(node__in=[node.pk for node in shown]).order_by()
    renewing = set(renewals.values_list("node_id", flat=True))
    return [_cluster_node(node, in_force, known, renewing=node.pk in renewing) for node in shown]


@once
def _accepted() -> dict[str, Certificate]:
    """The accepted cluster certificates by their SHA-256."""
    rows = Certificate.objects.accepted().filter(kind=Kind.CLUSTER).defer("der", "sealed_private_key").order_by()
    return {row.sha256: row for row in rows}


def _cluster_node(node: Node, in_force: Certificate, known: dict[str, Certificate], *, renewing: bool) -> ClusterNode:
    seen = node.observed
    held = known.get(seen.installed.get("cluster", "")) if seen else None
    proved = seen.cluster_proved_at if seen and held and seen.cluster_proved_sha256 == held.sha256 else None
    return ClusterNode(node, in_force, held, seen is not None, proved, renewing)


def with_cluster_state(nodes: NodeQuerySet, *, in_force: Certificate) -> "QuerySet[Any]":
    """`nodes` with their reports, a column `cluster_state`, and a column `cluster_rank`: the lower, the less is done."""
    current = Q(observation__cluster_sha256=in_force.sha256)
    proved = current & Q(observation__cluster_proved_sha256=in_force.sha256, observation__cluster_proved_at__isnull=False)
    state = Case(
        When(observation=None, then=Value("cluster_unknown")),
        When(proved, then=Value("cluster_proved")),
        When(current, then=Value("cluster_current")),
        When(observation__cluster_sha256__in=[*_accepted()], then=Value("cluster_older")),
        default=Value("cluster_missing"),
        output_field=CharField(),
    )
    rank = Case(When(proved, then=Value(VERIFIED)), When(current, then=Value(CURRENT)), default=Value(LACKING), output_field=IntegerField())
    return nodes.with_report("installed").annotate(cluster_state=state, cluster_rank=rank)


def rank_column(nodes: NodeQuerySet, *, in_force: Certificate) -> Unusual:
    """`nodes` of `with_cluster_state`, with the column `cluster_rank`."""
    current, without = in_force.sha256, Node.objects.filter(observation=None).values("pk")
    # Ranges and equal values, for the indexes.
    others = [Q(**{f"{name}__{side}": current}) for name in ("cluster_sha256", "cluster_proved_sha256") for side in ("lt", "gt")]
    others.append(Q(cluster_proved_sha256=current, cluster_proved_at=None))
    rows = with_cluster_state(nodes, in_force=in_force)
    return Unusual(
        rows, "cluster_rank", VERIFIED, nodes_in(*(Observation.objects.filter(other).values("node") for other in others), without)
    )


def cluster_proof(node: Node, report: Report, now: datetime) -> dict[str, Any]:
    """The fields of the observation about the proof. An earlier proof stays while the node reports the same certificate.

    A challenge stays until the node proves the key with it, and the node gets no other one while its proof is recent.
    """
    seen = node.observed
    if seen is not None and _proves(node, seen, report):
        return {"cluster_proved_at": now, "cluster_proved_sha256": report.installed["cluster"], "cluster_challenge": ""}
    is_same = seen is not None and seen.cluster_proved_sha256 != "" and seen.cluster_proved_sha256 == report.installed.get("cluster")
    at, asked = seen.cluster_proved_at if seen and is_same else None, seen.cluster_challenge if seen else ""
    if not asked and (at is None or not proof_is_recent(at, now)):
        asked = secrets.token_hex(32)
    return {"cluster_proved_at": at, "cluster_proved_sha256": report.installed["cluster"] if is_same else "", "cluster_challenge": asked}


def _proves(node: Node, seen: Observation, report: Report) -> bool:
    if not report.cluster_proof or not seen.cluster_challenge:
        return False
    held = Certificate.objects.accepted().filter(kind=Kind.CLUSTER, sha256=report.installed.get("cluster", "")).only("der").first()
    if held is None:
        return False
    try:
        proofs.proof_check(report.cluster_proof, held.x509(), node=str(node.pk), challenge=seen.cluster_challenge)
    except ProofRefused:
        return False
    return True


def _release(text: str) -> Release | None:
    return Release.parse(text) if text else None


def site_answer(zone: TrustZone) -> Answer:
    """The answer that follows from the facts in the zone's row."""
    kind, use = Installation(zone.installation), AppDistribution(zone.app_distribution)
    try:
        return manual_configuration(Site(kind, node_counts().once_registered, use, _release(zone.upgraded_from), _release(zone.release)))
    except ReleaseUnknown as exc:
        return Answer(False, f"The facts about this site are incomplete: {exc}")


def manual_counts() -> tuple[int, int]:
    """The number of nodes whose proof is missing, and of all that take part. Raises: ZoneMissing, ZoneBroken."""
    in_force, count = cluster_current().sha256, node_counts().once_registered
    proved = Observation.objects.filter(cluster_sha256=in_force, cluster_proved_sha256=in_force, cluster_proved_at__isnull=False)
    return count - proved.exclude(node__registered_at=None).exclude(node__state=NodeState.DECOMMISSIONED).count(), count


def participants() -> NodeQuerySet:
    """The nodes that have, or need, the cluster certificate: all that were registered once, with the central node."""
    return Node.objects.present().exclude(registered_at=None)


def cluster_lacking() -> list[ClusterNode]:
    """The nodes that do not report the current certificate. Raises: ZoneMissing, ZoneBroken."""
    in_force = cluster_current()
    return cluster_nodes(with_cluster_state(participants(), in_force=in_force).filter(cluster_rank=0), in_force=in_force)


@transaction.atomic
def site_set(*, actor: Actor, now: datetime, installation: str, upgraded_from: str, release: str, app_distribution: str) -> Answer:
    """Store the facts about the site. Raises: PermissionRefused, InputInvalid, ZoneMissing."""
    actor.require("certs.change_trustzone")
    zone = zone_current()
    facts = _facts(installation, upgraded_from, release, app_distribution)
    before = {name: getattr(zone, name) for name in facts}
    if facts != before:
        TrustZone.objects.filter(pk=zone.pk).update(**facts)
        record(actor=actor, action="site.facts_set", target=zone, detail={"from": before, "to": facts}, now=now)
    zone.refresh_from_db()
    return site_answer(zone)


def _facts(installation: str, upgraded_from: str, release: str, app_distribution: str) -> dict[str, str]:
    """The facts as they are stored. Raises: InputInvalid."""
    errors: dict[str, list[str]] = {}
    for field, value, known in (("installation", installation, Installation), ("app_distribution", app_distribution, AppDistribution)):
        if value not in list(known):
            errors[field] = [f"“{value[:40]}” is not a known value. The known values are: {', '.join(known)}."]
    releases: dict[str, Release | None] = {"upgraded_from": None, "release": None}
    for field, text in (("upgraded_from", upgraded_from), ("release", release)):
        try:
            releases[field] = _release(text)
        except ReleaseUnknown as exc:
            errors[field] = [str(exc)]
    if installation == Installation.NEW and upgraded_from:
        errors["upgraded_from"] = ["A new installation has no earlier release. Clear this field, or choose upgrade."]
    elif installation == Installation.UPGRADE and not errors:
        errors = _upgrade_errors(releases)
    if errors:
        raise InputInvalid(errors)
    texts = {field: str(value) if value else "" for field, value in releases.items()}
    return {"installation": installation, "app_distribution": app_distribution, **texts}


def _upgrade_errors(releases: dict[str, Release | None]) -> dict[str, list[str]]:
    what = {"upgraded_from": "Enter the release before the upgrade, such as June 2020.", "release": "Enter the current release, such as September 2020."}  # fmt: skip
    missing = {field: [what[field]] for field, value in releases.items() if value is None}
    before, after = releases["upgraded_from"], releases["release"]
    if before and after and not before < after:
        return {"release": [f"{after} is not later than {before}. Change one of the two releases."]}
    return missing


@transaction.atomic
def tick_set(*, actor: Actor, node: Node, on: bool, now: datetime) -> None:
    """Mark the current certificate as imported on `node`, or remove the mark. Raises: PermissionRefused."""
    actor.require("nodes.change_node")
    ticked = {"cluster_ticked_at": now if on else None, "cluster_ticked_by": actor.label[:200] if on else ""}
    Node.objects.filter(pk=node.pk).update(**ticked)
    record(actor=actor, action="cluster.ticked" if on else "cluster.unticked", target=node, detail={}, now=now)


@dataclass(frozen=True)
class Delivery:
    """The nodes that get the current certificate by a renewal, and the nodes that do not, with the reason."""

    renewed: list[Node]
    left_out: list[tuple[Node, str]]


def cluster_deliver(*, actor: Actor, nodes: Iterable[ClusterNode], now: datetime) -> Delivery:
    """Renew each node that lacks the current certificate. It is delivered over mutual TLS, without a password. Raises: PermissionRefused."""
    actor.require("nodes.renew_node")
    found = Delivery([], [])
    for node in nodes:
        if node.current:
            continue
        if not node.node.online(now):
            found.left_out.append((node.node, "is silent: start its agent, or import the file there"))
            continue
        try:
            node_renew(actor=actor, node=node.node, now=now)
        except (IllegalNodeTransition, StaleNode) as exc:
            found.left_out.append((node.node, str(exc)))
        else:
            found.renewed.append(node.node)
    return found
