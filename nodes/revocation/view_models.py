"""The effects of a revocation before it is confirmed, and the nodes that have no valid certificate after one."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit.actors import Actor
from certs.exports.status import export_of
from certs.models import Certificate
from certs.revocation.services import revocation_of
from certs.states import CertificateStatus
from nodes.models import Node
from nodes.revocation.exposure import Secret, secrets_of_export, secrets_of_node
from nodes.states import NodeState
from pki.core.roles import OWN_KINDS, Kind

FOLLOWS = {
    Kind.CLIENT: "{node} can no longer call the central node or other nodes. Its agent automatically waits for a new package. Redistribute the node then.",
    Kind.SERVICE: "Other machines no longer accept the services of {node}. Redistribute the node then, because a renewal cannot reach it.",
    Kind.CLUSTER: "Programs that check the revocation list refuse what {node} signs or encrypts with the site's shared certificate.",
}


@dataclass(frozen=True)
class Touched:
    """A node that reports the certificate, or for which it was made; `follows` is empty if the revocation has no effect on it."""

    node: Node
    presents: str
    online: bool
    follows: str


def secrets_beside(certificate: Certificate, *, since: datetime, actor: Actor, now: datetime) -> list[Secret]:
    """The other secrets on the machine for which the certificate was made."""
    if certificate.holder_id is None:
        return []
    node, export = Node.objects.filter(pk=certificate.holder_id).first(), export_of(certificate)
    if node is not None:
        return secrets_of_node(node, since=since, actor=actor, now=now)
    return secrets_of_export(export, since=since, actor=actor, now=now) if export is not None else []


def revocation_plan(certificate: Certificate, *, now: datetime) -> dict[str, Any]:
    """The certificate, everything that is revoked with it or why that is refused, and each affected node.

    Raises: ZoneMissing, ZoneBroken.
    """
    touched = [_touched(node, certificate, now) for node in Node.objects.present().select_related("observation")]
    found, plan = [each for each in touched if each is not None], revocation_of(certificate, now=now)
    return {
        "now": now, "certificate": certificate, "revoked": plan.certificates, "refused": plan.refused, "touched": found,
        "export": export_of(certificate),
    }  # fmt: skip


def _touched(node: Node, certificate: Certificate, now: datetime) -> Touched | None:
    seen, sha256 = node.observed, certificate.sha256
    holds = seen is not None and sha256 in {*seen.installed.values(), *seen.served.values()}
    if not holds and certificate.holder_id != node.pk:
        return None
    serves = seen is not None and sha256 in seen.served.values()
    presents = "installed and served" if serves else "installed" if holds else "made for this node, not reported as installed"
    follows = FOLLOWS.get(Kind(certificate.kind), "").format(node=node) if holds else ""
    return Touched(node, presents, node.online(now), follows)


def without_valid_certificate(nodes: Iterable[Node]) -> list[tuple[Node, list[str]]]:
    """Registered nodes without a valid certificate of some kind, or with a revoked one; only a redistribution replaces it.

    During a rotation of the database key, a node has two valid service certificates and presents the newer one.
    The central node is left out, because it is repaired in another way (`nodes.central.repair`).
    """
    registered = [node for node in nodes if node.state == NodeState.REGISTERED and not node.is_central]
    held = set(Certificate.objects.issued().filter(kind__in=OWN_KINDS).values_list("holder_id", "kind"))
    installed = [sha256 for node in registered if node.observed for sha256 in node.observed.installed.values()]
    revoked = set(Certificate.objects.filter(status=CertificateStatus.REVOKED, sha256__in=installed).values_list("holder_id", "kind"))
    lost = [(node, [kind.value for kind in OWN_KINDS if _lost((node.pk, kind.value), held, revoked)]) for node in registered]
    return [(node, kinds) for node, kinds in lost if kinds]


def _lost(own: tuple[uuid.UUID, str], held: set[tuple[uuid.UUID | None, str]], revoked: set[tuple[uuid.UUID | None, str]]) -> bool:
    return own not in held or own in revoked
