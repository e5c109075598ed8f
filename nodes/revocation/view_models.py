"""The effects of a revocation before it is confirmed, and the nodes that have no valid certificate after one."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from audit.actors import Actor
from certs.exports.status import export_of
from certs.models import Certificate, Export
from certs.revocation.services import revocation_of
from certs.states import CertificateStatus
from nodes.inventory.silence import observed
from nodes.inventory.view_models import AffectedCertificate, ConfirmationPage, confirmation_page
from nodes.models import Node
from nodes.revocation.exposure import Secret, secrets_of_export, secrets_of_node
from nodes.states import NodeState
from pki.core.roles import OWN_KINDS, Kind
from web.templatetags.console import state_label

FOLLOWS = {
    Kind.CLIENT: "{node} can no longer call the central node or other nodes. Its agent automatically waits for a new package. Redistribute the node then.",
    Kind.SERVICE: "Other machines no longer accept the services of {node}. Redistribute the node then, because a renewal cannot reach it.",
    Kind.CLUSTER: "Programs that check the revocation list refuse what {node} signs or encrypts with the site's shared certificate.",
}


@dataclass(frozen=True)
class Touched:
    """A node that reports the certificate, or for which it was made; `follows` is empty if the revocation has no effect on it."""

    node: Node
    text: str
    presents: str
    follows: str


def secrets_beside(certificate: Certificate, *, since: datetime, actor: Actor, now: datetime) -> list[Secret]:
    """The other secrets on the machine for which the certificate was made."""
    if certificate.holder_id is None:
        return []
    node, export = Node.objects.filter(pk=certificate.holder_id).first(), export_of(certificate)
    if node is not None:
        return secrets_of_node(node, since=since, actor=actor, now=now)
    return secrets_of_export(export, since=since, actor=actor, now=now) if export is not None else []


@dataclass(frozen=True)
class RevocationPage:
    """A certificate, everything that is revoked with it or why that is refused, the number of affected nodes, and the affected export."""

    certificate: Certificate
    subtitle: str
    revoked: list[AffectedCertificate]
    refused: str
    nodes: int
    export: Export | None
    secrets: list[Secret]
    error: str

    @property
    def refused_title(self) -> str:
        return "It cannot be revoked. Nothing has changed." if self.error else "It cannot be revoked."


def _affected(certificate: Certificate) -> AffectedCertificate:
    key = f", database key version {certificate.database_key_version}" if certificate.database_key_version else ""
    text = f"generation {certificate.generation}{key} · serial {certificate.serial[:12]}… · {state_label(certificate.status)}"
    return AffectedCertificate(certificate, text)


def revocation_page(certificate: Certificate, *, error: str, actor: Actor, now: datetime) -> RevocationPage:
    """Raises: ZoneMissing, ZoneBroken."""
    plan, holder = revocation_of(certificate, now=now), f" held by {certificate.holder}" if certificate.holder else ""
    return RevocationPage(
        certificate,
        f"{certificate.kind} certificate{holder} · serial {certificate.serial[:12]}… · {state_label(certificate.status)}",
        [_affected(affected) for affected in plan.certificates],
        plan.refused,
        nodes_touched(certificate).count(),
        export_of(certificate),
        secrets_beside(certificate, since=now, actor=actor, now=now),
        error,
    )


@dataclass(frozen=True)
class ExposurePage:
    """The other secrets on the machine whose private key was compromised."""

    certificate: Certificate
    secrets: list[Secret]


@dataclass(frozen=True)
class RemovalPage(ConfirmationPage):
    """A node to decommission, and the secrets that its machine keeps."""

    secrets: list[Secret]


def removal_page(node: Node, *, error: str, actor: Actor, now: datetime) -> RemovalPage:
    held = Certificate.objects.accepted().filter(holder_id=node.pk).order_by("-generation", "kind")
    return RemovalPage(
        **vars(confirmation_page(node, held=held, error=error)), secrets=secrets_of_node(node, since=now, actor=actor, now=now)
    )


def nodes_touched(certificate: Certificate) -> "QuerySet[Node]":
    """The nodes that report the certificate, and the one for which it was made, with their reports."""
    sha256 = certificate.sha256
    installed = Q(*((f"{kind}_sha256", sha256) for kind in (*OWN_KINDS, Kind.CLUSTER)), _connector=Q.OR)
    # A service that presents a certificate which is not installed.
    presented = Q(serves_another_since__isnull=False, served__icontains=sha256)
    reported = observed(installed) | observed(presented) if sha256 else Q(pk__in=[])
    return Node.objects.present().filter(reported | Q(pk=certificate.holder_id)).with_report("installed", "served")


def touched_by(certificate: Certificate, node: Node, *, now: datetime) -> Touched:
    """`node` is one of `nodes_touched`."""
    seen, sha256 = node.observed, certificate.sha256
    holds = seen is not None and sha256 in {*seen.installed.values(), *seen.served.values()}
    serves = seen is not None and sha256 in seen.served.values()
    presents = "installed and served" if serves else "installed" if holds else "made for this node, not reported as installed"
    follows = FOLLOWS.get(Kind(certificate.kind), "").format(node=node) if holds else ""
    online = f", {'online' if node.online(now) else 'silent'}" if node.registered_at else ""
    text = " · ".join(filter(None, [f"{state_label(node.state)}{online}", ", ".join(node.services)]))
    return Touched(node, text, presents, follows)


def without_valid_certificate(nodes: Collection[Node]) -> list[tuple[Node, list[str]]]:
    """Registered nodes without a valid certificate of some kind, or with a revoked one; only a redistribution replaces it.

    During a rotation of the database key, a node has two valid service certificates and presents the newer one.
    The central node is left out, because it is repaired in another way (`nodes.central.repair`).
    """
    registered = [node for node in nodes if node.state == NodeState.REGISTERED and not node.is_central]
    issued = Certificate.objects.issued().filter(kind__in=OWN_KINDS, holder_id__in=[node.pk for node in registered])
    held = set(issued.values_list("holder_id", "kind"))
    installed = [sha256 for node in registered if node.observed for sha256 in node.observed.installed.values()]
    revoked = set(Certificate.objects.filter(status=CertificateStatus.REVOKED, sha256__in=installed).values_list("holder_id", "kind"))
    lost = [(node, [kind.value for kind in OWN_KINDS if _lost((node.pk, kind.value), held, revoked)]) for node in registered]
    return [(node, kinds) for node, kinds in lost if kinds]


def _lost(own: tuple[uuid.UUID, str], held: set[tuple[uuid.UUID | None, str]], revoked: set[tuple[uuid.UUID | None, str]]) -> bool:
    return own not in held or own in revoked
