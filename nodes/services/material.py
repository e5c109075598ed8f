"""A node's keys and certificates of one generation, and the package that carries them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from audit.actors import SYSTEM, Actor
from certs.errors import StaleCertificate
from certs.models import Certificate
from certs.services.certificates import Intent, certificate_issue, certificate_transition, certificate_withdraw, issuer_current
from certs.services.key_pool import key_take
from certs.services.lifetime import zone_current
from certs.services.sealed import database_key, unseal
from certs.services.zone import CLIENT_NAME
from certs.states import CertificateStatus
from nodes.errors import StaleNode
from nodes.models import Node
from pki import issue
from pki.keys import DEFAULT_KEY_TYPES
from pki.package import CentralAddress, Package, Pair
from pki.roles import Kind

OWN_KINDS = (Kind.SERVICE, Kind.CLIENT)


def central_addresses() -> tuple[CentralAddress, ...]:
    """Where nodes reach the central node's 4242."""
    split = [each.rsplit(":", 1) for each in settings.QMC_NODE_API_ADDRESSES]
    return tuple(CentralAddress(address.strip("[]"), int(port)) for address, port in split)


@dataclass(frozen=True)
class Order:
    """A generation of `node` to be made while a row of `wanted` stands; `in_a_hurry` where somebody waits for it."""

    node: Node
    generation: int
    wanted: "QuerySet[Any]"
    in_a_hurry: bool
    actor: Actor

    def still_wanted(self) -> None:
        """Raises: StaleNode if it was called off meanwhile."""
        if not self.wanted.select_for_update().exists():
            raise StaleNode(f"generation {self.generation} of {self.node} was called off meanwhile")


def certificate_of(order: Order, kind: Kind, *, now: datetime) -> Certificate:
    """The one certificate of this intent: found again after a crash, or made. Raises: StaleCertificate while another makes it, StaleNode."""
    node, generation = order.node, order.generation
    mine = Certificate.objects.filter(holder_id=node.pk, kind=kind, generation=generation)
    for overdue in mine.overdue(now):
        certificate_transition(
            certificate=overdue, to=CertificateStatus.FAILED, reason="its worker ended before it signed", actor=SYSTEM, now=now
        )
    found = mine.issued().first()
    if found is not None and found.sealed_private_key is not None:
        return found
    if mine.filter(status=CertificateStatus.ISSUING).exists():
        raise StaleCertificate(f"the {kind} certificate of {node} is being made")
    private_key = key_take(DEFAULT_KEY_TYPES[kind], in_a_hurry=order.in_a_hurry)
    is_service = kind is Kind.SERVICE
    further = [*node.subject_alternative_names, *([node.address] if node.address else [])] if is_service else []
    request = issue.Request(
        kind, node.host_name if is_service else CLIENT_NAME, tuple(further), private_key.public_key(), zone_current().lifetime_months,
        database_key() if is_service else None,
    )  # fmt: skip
    return certificate_issue(
        request=request, intent=Intent(node.pk, node.host_name, generation), issuer=issuer_current(), private_key=private_key,
        actor=order.actor, now=now, keep_key="sealed_private_key", still_wanted=order.still_wanted,
    )  # fmt: skip


def package_make(order: Order, *, expires_at: datetime, now: datetime) -> Package:
    """All that the node gets. Raises: PKIError, CertsError, StaleNode."""
    node, zone = order.node, zone_current()

    def pair(row: Certificate) -> Pair:
        return Pair(row.pem().encode(), unseal(row, "sealed_private_key"))

    own = {kind: certificate_of(order, kind, now=now) for kind in OWN_KINDS}
    roots = Certificate.objects.issued().filter(kind=Kind.ROOT).order_by("-created_at")
    return Package(
        trust_zone=str(zone.pk), node=str(node.pk), host_name=node.host_name, generation=order.generation, central_host_name=zone.name,
        central_addresses=central_addresses(), roots=tuple(root.pem().encode() for root in roots),
        service=pair(own[Kind.SERVICE]), client=pair(own[Kind.CLIENT]),
        cluster=pair(Certificate.objects.issued().get(kind=Kind.CLUSTER)), expires_at=expires_at,
    )  # fmt: skip


def keys_wipe(node: Node) -> None:
    """The package carries them now, or nobody waits for them any more."""
    Certificate.objects.filter(holder_id=node.pk, kind__in=OWN_KINDS).update(sealed_private_key=None)


def older_supersede(node: Node, generation: int, *, now: datetime) -> None:
    """The proved generation takes over from every older one."""
    for certificate in Certificate.objects.issued().filter(holder_id=node.pk, kind__in=OWN_KINDS, generation__lt=generation):
        certificate_transition(
            certificate=certificate, to=CertificateStatus.SUPERSEDED, reason=f"generation {generation} is proved", actor=SYSTEM, now=now
        )


def generation_withdraw(node: Node, generation: int, *, reason: str, now: datetime) -> None:
    """A generation that never came into use is revoked, its keys wiped; what is just being signed fails."""
    for certificate in Certificate.objects.filter(holder_id=node.pk, kind__in=OWN_KINDS, generation=generation):
        certificate_withdraw(certificate=certificate, reason=reason, actor=SYSTEM, now=now)


def service_fingerprint(node: Node, generation: int) -> str:
    """What the node must serve once it has installed this generation."""
    return Certificate.objects.issued().get(holder_id=node.pk, kind=Kind.SERVICE, generation=generation).sha256
