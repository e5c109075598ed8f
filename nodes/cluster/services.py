"""Which node holds the cluster certificate, whether it proved that, and what is still to be done by hand (S6, S7)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from audit.actors import Actor
from audit.record import record
from certs.cluster.services import cluster_current
from certs.models import Certificate, TrustZone
from certs.zone.services import zone_current
from nodes.errors import IllegalNodeTransition, InputInvalid, StaleNode
from nodes.models import Node, Observation, Renewal
from nodes.renewal.services import node_renew
from nodes.states import RenewalStatus
from pki.cluster import tokens as cluster
from pki.cluster.manual_configuration import Answer, AppDistribution, Installation, Release, Site, manual_configuration
from pki.core.errors import ProofRefused, ReleaseUnknown
from pki.core.roles import Kind
from pki.exchange.report import Report


@dataclass(frozen=True)
class ClusterNode:
    """What is known of the cluster certificate on one node. `held` is None where it holds none of this zone that counts."""

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
        """Nobody's claim: the node signed with the key of the certificate in force."""
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
        """Whether somebody says that he imported the certificate in force: a tick of before it was made says nothing of it."""
        at = self.node.cluster_ticked_at
        return at is not None and at >= self.in_force.created_at


def cluster_nodes(nodes: Iterable[Node], *, in_force: Certificate) -> list[ClusterNode]:
    """Each of `nodes`, with three queries for all of them (the observations are to be selected with them)."""
    known = {each.sha256: each for each in Certificate.objects.accepted().filter(kind=Kind.CLUSTER).defer("der", "sealed_private_key")}
    under_way = Renewal.objects.exclude(status__in=[RenewalStatus.PROVED, RenewalStatus.FAILED]).values_list("node_id", flat=True)
    renewing = set(under_way)
    return [_cluster_node(node, in_force, known, renewing=node.pk in renewing) for node in nodes]


def _cluster_node(node: Node, in_force: Certificate, known: dict[str, Certificate], *, renewing: bool) -> ClusterNode:
    seen = node.observed
    held = known.get(seen.installed.get("cluster", "")) if seen else None
    proved = seen.cluster_proved_at if seen and held and seen.cluster_proved_sha256 == held.sha256 else None
    return ClusterNode(node, in_force, held, seen is not None, proved, renewing)


def cluster_proof(node: Node, report: Report, now: datetime) -> dict[str, Any]:
    """What the observation keeps of the proof in this report; what was proved before stays while the node reports that certificate."""
    seen = node.observed
    kept = {"cluster_proved_at": None, "cluster_proved_sha256": ""}
    if seen is None:
        return kept
    if _proves(node, seen, report):
        return {"cluster_proved_at": now, "cluster_proved_sha256": report.installed["cluster"]}
    if seen.cluster_proved_sha256 and seen.cluster_proved_sha256 == report.installed.get("cluster"):
        return {name: getattr(seen, name) for name in kept}
    return kept


def _proves(node: Node, seen: Observation, report: Report) -> bool:
    if not report.cluster_proof or not seen.cluster_challenge:
        return False
    held = Certificate.objects.accepted().filter(kind=Kind.CLUSTER, sha256=report.installed.get("cluster", "")).only("der").first()
    if held is None:
        return False
    try:
        cluster.proof_check(report.cluster_proof, held.x509(), node=str(node.pk), challenge=seen.cluster_challenge)
    except ProofRefused:
        return False
    return True


@dataclass(frozen=True)
class Manual:
    """Whether the nodes must be configured by hand, and how far that is. `registered` are all whom it is about, `todo` who is not verified."""

    answer: Answer
    registered: list[ClusterNode]

    @property
    def todo(self) -> list[ClusterNode]:
        return [each for each in self.registered if not each.verified]

    @property
    def lacking(self) -> list[ClusterNode]:
        return [each for each in self.registered if not each.current]


def _release(text: str) -> Release | None:
    return Release.parse(text) if text else None


def nodes_counted() -> int:
    """How many nodes the site has, the central one among them. One that was never registered is not part of it yet."""
    return Node.objects.present().exclude(registered_at=None).count()


def site_answer(zone: TrustZone) -> Answer:
    """What the facts in the zone's row mean."""
    kind, use = Installation(zone.installation), AppDistribution(zone.app_distribution)
    try:
        return manual_configuration(Site(kind, nodes_counted(), use, _release(zone.upgraded_from), _release(zone.release)))
    except ReleaseUnknown as exc:
        return Answer(False, f"The facts about this site do not tell: {exc}")


def manual_standing() -> Manual:
    """Raises: ZoneMissing, ZoneBroken."""
    nodes = Node.objects.present().exclude(registered_at=None).select_related("observation")
    found = cluster_nodes(nodes, in_force=cluster_current())
    return Manual(site_answer(zone_current()), sorted(found, key=lambda each: (each.verified, each.current, each.node.name)))


@transaction.atomic
def site_set(*, actor: Actor, now: datetime, installation: str, upgraded_from: str, release: str, app_distribution: str) -> Answer:
    """Keep what the site is. Raises: PermissionRefused, InputInvalid, ZoneMissing."""
    actor.require("certs.change_trustzone")
    zone = zone_current()
    facts = _facts(installation, upgraded_from, release, app_distribution)
    before = {name: getattr(zone, name) for name in facts}
    TrustZone.objects.filter(pk=zone.pk).update(**facts)
    if facts != before:
        record(actor=actor, action="site.facts_set", target=zone, detail={"from": before, "to": facts}, now=now)
    zone.refresh_from_db()
    return site_answer(zone)


def _facts(installation: str, upgraded_from: str, release: str, app_distribution: str) -> dict[str, str]:
    """The facts as they are kept. Raises: InputInvalid."""
    errors: dict[str, list[str]] = {}
    for field, value, known in (("installation", installation, Installation), ("app_distribution", app_distribution, AppDistribution)):
        if value not in list(known):
            errors[field] = [f"“{value[:40]}” is not known here. Give one of {', '.join(known)}."]
    releases: dict[str, Release | None] = {"upgraded_from": None, "release": None}
    for field, text in (("upgraded_from", upgraded_from), ("release", release)):
        try:
            releases[field] = _release(text)
        except ReleaseUnknown as exc:
            errors[field] = [str(exc)]
    if installation == Installation.NEW and upgraded_from:
        errors["upgraded_from"] = ["A new installation came from no other release. Empty this, or say that it is an upgrade."]
    elif installation == Installation.UPGRADE and not errors:
        errors = _upgrade_errors(releases)
    if errors:
        raise InputInvalid(errors)
    told = {field: str(value) if value else "" for field, value in releases.items()}
    return {"installation": installation, "app_distribution": app_distribution, **told}


def _upgrade_errors(releases: dict[str, Release | None]) -> dict[str, list[str]]:
    what = {"upgraded_from": "Give the release that the site had before, such as June 2020.", "release": "Give the release that the site has now, such as September 2020."}  # fmt: skip
    missing = {field: [what[field]] for field, value in releases.items() if value is None}
    before, after = releases["upgraded_from"], releases["release"]
    if before and after and not before < after:
        return {"release": [f"An upgrade goes forward, and {after} is not later than {before}. Change one of the two."]}
    return missing


@transaction.atomic
def tick_set(*, actor: Actor, node: Node, on: bool, now: datetime) -> None:
    """Somebody says that he imported the certificate in force on `node`, or takes that back. Raises: PermissionRefused."""
    actor.require("nodes.change_node")
    ticked = {"cluster_ticked_at": now if on else None, "cluster_ticked_by": actor.label[:200] if on else ""}
    Node.objects.filter(pk=node.pk).update(**ticked)
    record(actor=actor, action="cluster.ticked" if on else "cluster.unticked", target=node, detail={}, now=now)


@dataclass(frozen=True)
class Delivery:
    """To whom the certificate in force is on its way by a renewal, and who was left out, with the reason in words."""

    renewed: list[Node]
    left_out: list[tuple[Node, str]]


def cluster_deliver(*, actor: Actor, nodes: Iterable[ClusterNode], now: datetime) -> Delivery:
    """Renew each node that lacks the certificate in force: it comes inside mutual TLS, with no password. Raises: PermissionRefused."""
    actor.require("nodes.renew_node")
    found = Delivery([], [])
    for each in nodes:
        if each.current:
            continue
        if not each.node.online(now):
            found.left_out.append((each.node, "does not call now: start its agent, or import the file there"))
            continue
        try:
            node_renew(actor=actor, node=each.node, now=now)
        except (IllegalNodeTransition, StaleNode) as exc:
            found.left_out.append((each.node, str(exc)))
        else:
            found.renewed.append(each.node)
    return found
