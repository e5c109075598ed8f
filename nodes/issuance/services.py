"""A node's keys and certificates of one generation, and the package that carries them."""

import functools
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from audit.actors import SYSTEM, Actor
from certs.certificates.issuer import issuer_of, issuing_root, roots_in_force
from certs.certificates.services import Draft, Intent, certificate_transition, certificate_withdraw, certificates_for
from certs.errors import StaleCertificate
from certs.keys.pool import key_take
from certs.keys.services import key_type
from certs.models import Certificate, DatabaseKey, TrustZone
from certs.roots.services import cluster_in_force
from certs.states import LIVE, CertificateStatus, DatabaseKeyStatus
from certs.zone.services import zone_current
from nodes.addresses.services import central_addresses
from nodes.errors import StaleNode
from nodes.models import Node
from nodes.nudges.services import nudging_certificates
from pki.core import database_key, keys
from pki.core.pair import Pair
from pki.core.roles import CLIENT_NAME, OWN_KINDS, Kind
from pki.exchange.package import Package
from pki.issuing import issue
from sealing.errors import ZoneBroken
from sealing.local_keys import key_ring


@dataclass(frozen=True)
class GenerationRequest:
    """The certificates of one generation to make for `node`, as long as `pending` has a row. `in_a_hurry`: a person waits for them.

    `keeps` are the key ids of the database keys for which the node keeps a service pair.
    """

    node: Node
    generation: int
    pending: "QuerySet[Any]"
    in_a_hurry: bool
    actor: Actor
    keeps: Collection[str] = ()

    def raise_if_canceled(self) -> None:
        """Raises: StaleNode if the request was canceled in the meantime."""
        if not self.pending.select_for_update().exists():
            raise StaleNode(f"generation {self.generation} of {self.node} was canceled in the meantime")


def versions_for(node: Node) -> "QuerySet[DatabaseKey]":
    """The database keys for which `node` gets a service pair, newest first; for the central node, also the one that starts there."""
    statuses = {*LIVE, DatabaseKeyStatus.PREPARED} if node.is_central else LIVE
    return DatabaseKey.objects.filter(status__in=statuses).order_by("-version")


def _key_of(version: DatabaseKey) -> database_key.DatabaseKey:
    """The key of `version` from this machine's store, or a new key if the version has none yet. Raises: StaleCertificate while it is not available."""
    if version.key_id is None:
        return database_key.DatabaseKey.generate()
    ring = key_ring().keys
    if version.key_id not in ring:
        raise StaleCertificate(f"{version} is not on this machine yet")
    return ring[version.key_id]


def _certificates(
    request: GenerationRequest, zone: TrustZone, root: Certificate, *, now: datetime
) -> "tuple[dict[DatabaseKey, Certificate], Certificate]":
    """The service certificate for each database key that the node lacks and for the newest, newest first, and the client certificate, issued by `root`. Raises: StaleCertificate, StaleNode, PKIError, TrustZoneError."""
    node, issuer = request.node, functools.cache(issuer_of)
    further = (*node.subject_alternative_names, *([node.address] if node.address else []))

    def draft(kind: Kind, version: DatabaseKey | None) -> Draft:
        private_key = key_take(key_type(kind), in_a_hurry=request.in_a_hurry)
        asked = issue.Request(
            kind, node.host_name if version else CLIENT_NAME, further if version else (), private_key.public_key(), zone.lifetime_months,
            _key_of(version) if version else None, zone.database_key_oids,
        )  # fmt: skip
        return Draft(asked, private_key, issuer(root), version.version if version else 0)

    versions = [version for older, version in enumerate(versions_for(node)) if not older or version.key_id not in request.keeps]
    pairs: list[tuple[Kind, DatabaseKey | None]] = [*((Kind.SERVICE, version) for version in versions), (Kind.CLIENT, None)]
    *services, client = certificates_for(
        drafts={
            Intent(kind, node.pk, node.host_name, request.generation, version.version if version else 0): partial(draft, kind, version)
            for kind, version in pairs
        },
        actor=request.actor, now=now, raise_if_canceled=request.raise_if_canceled,
    )  # fmt: skip
    return dict(zip(versions, services, strict=True)), client


def package_make(request: GenerationRequest, *, expires_at: datetime, now: datetime) -> Package:
    """Make the package for the node. Raises: PKIError, TrustZoneError, StaleNode."""
    node, zone, root = request.node, zone_current(), issuing_root()
    services, client = _certificates(request, zone, root, now=now)
    service, *further = [_service_pair(request, zone, version, row) for version, row in services.items()]
    cluster = cluster_in_force(root)
    if cluster is None:
        raise ZoneBroken("The trust zone has no cluster certificate. Restore it from a backup, or recreate the root.")
    return Package(
        trust_zone=str(zone.pk), node=str(node.pk), host_name=node.host_name, generation=request.generation, central_host_name=zone.name,
        central_addresses=central_addresses(), roots=tuple(root.pem().encode() for root in roots_in_force()),
        service=service, client=client.pair(),
        cluster=cluster.pair(), expires_at=expires_at, further_service_pairs=tuple(further),
        database_key_oids=zone.database_key_oids, nudged_by=nudging_certificates(),
    )  # fmt: skip


def _service_pair(request: GenerationRequest, zone: TrustZone, version: DatabaseKey, row: Certificate) -> Pair:
    pair = row.pair()
    if version.key_id is None:
        # The key was made with this certificate, perhaps before a crash, so it is read from the certificate.
        key = database_key.read(row.x509(), keys.from_pem(pair.private_key, own=True), zone.database_key_oids)
        with transaction.atomic():
            request.raise_if_canceled()
            DatabaseKey.objects.filter(pk=version.pk, key_id=None).update(key_id=key.key_id.hex())
    return pair


def keys_wipe(node: Node) -> None:
    """Delete the private keys: they are in the package now, or are no longer needed."""
    Certificate.objects.filter(holder_id=node.pk, kind__in=OWN_KINDS).update(sealed_private_key=None)


def older_supersede(node: Node, generation: int, *, now: datetime) -> None:
    """Mark every older generation as superseded by the verified one."""
    for certificate in Certificate.objects.issued().filter(holder_id=node.pk, kind__in=OWN_KINDS, generation__lt=generation):
        certificate_transition(
            certificate=certificate, to=CertificateStatus.SUPERSEDED, reason=f"generation {generation} is verified", actor=SYSTEM, now=now
        )


def generation_withdraw(node: Node, generation: int, *, reason: str, now: datetime) -> None:
    """Revoke a generation that was never used and delete its keys. A signature in progress fails.

    If a database key exists only in a withdrawn certificate of the central node, its version gets a new key.
    """
    for certificate in Certificate.objects.filter(holder_id=node.pk, kind__in=OWN_KINDS, generation=generation):
        certificate_withdraw(certificate=certificate, reason=reason, actor=SYSTEM, now=now)
    if node.is_central:
        DatabaseKey.objects.filter(status=DatabaseKeyStatus.PREPARED).exclude(key_id__in=list(key_ring().keys)).update(key_id=None)


def service_fingerprint(node: Node, generation: int) -> str:
    """The SHA-256 fingerprint of the certificate that the node must serve after installing this generation: that with the newest database key. "" if it was revoked."""
    own = Certificate.objects.accepted().filter(holder_id=node.pk, kind=Kind.SERVICE, generation=generation)
    newest = own.order_by("-database_key_version").first()
    return newest.sha256 if newest else ""
