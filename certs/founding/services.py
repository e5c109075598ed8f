"""The first start of a trust zone. Its order is that of docs/develop/architecture.md, so a crash at any step is safe."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from agent.files import replace
from agent.store import Store
from audit.actors import SYSTEM
from audit.record import record
from certs.central_key.services import central_key_found
from certs.certificates.issuer import issuer_of
from certs.certificates.services import Draft, Intent, certificate_for, certificate_transition
from certs.keys.services import key_type
from certs.models import Certificate, DatabaseKey, TrustZone
from certs.revocation.lists import list_issue
from certs.roots.services import IN_FORCE, root_make
from certs.states import CertificateStatus, DatabaseKeyStatus
from pki.core import database_key as dbk
from pki.core import keys, names
from pki.core.addresses import CentralAddress
from pki.core.pair import Pair
from pki.core.roles import CLIENT_NAME, CLUSTER_NAME, Kind
from pki.exchange.package import Package
from pki.issuing import issue
from sealing.errors import ZoneBroken
from sealing.local_keys import key_ring


@dataclass(frozen=True)
class Founding:
    """The facts that the first start needs. `node_id` is the id of the central node."""

    host_name: str
    addresses: tuple[str, ...]
    central: tuple[CentralAddress, ...]
    node_id: uuid.UUID
    database_key_oids: dbk.Oids


def discard_half_zone(now: datetime) -> None:
    """Remove the parts that a crashed first start left. Raises: ZoneBroken if any value is already encrypted with its key."""
    if Certificate.objects.filter(sealed_private_key__isnull=False).exists() or DatabaseKey.objects.exists():
        raise ZoneBroken("The trust zone is incomplete, but has encrypted values. Nothing was changed. Restore the site from a backup.")
    for certificate in Certificate.objects.filter(status__in=IN_FORCE).order_by("-created_at"):
        certificate_transition(
            certificate=certificate,
            to=CertificateStatus.FAILED,
            reason="making the trust zone was interrupted",
            actor=SYSTEM,
            now=now,
        )
    Store(settings.NODE_STORE).discard()  # before its row, because a store without its zone looks like a site whose database was lost
    TrustZone.objects.filter(founded_at__isnull=True).delete()


def zone_prepare(*, founding: Founding, now: datetime) -> TrustZone:
    """All steps until the store is installed and read back. No value is encrypted yet. Raises: ZoneBroken, PKIError."""
    names.host_name(founding.host_name, limit=names.LONGEST_CENTRAL_NAME)
    discard_half_zone(now)
    key_oid, algorithm_oid = founding.database_key_oids.texts()
    zone = TrustZone.objects.create(
        name=founding.host_name, created_at=now, database_key_oid=key_oid, database_key_algorithm_oid=algorithm_oid
    )
    service_key = keys.generate(key_type(Kind.SERVICE))
    # The only key that opens the database key is on the disk before a certificate has its public key.
    replace_in = settings.NODE_STORE / "staging"
    replace(replace_in / "service_key.pem", keys.to_pem(service_key))
    package = _package(zone, founding, service_key, now)
    installed = Store(settings.NODE_STORE).install(package, now=now)
    (replace_in / "service_key.pem").unlink()
    if list(key_ring().keys) != [installed.database_key().key_id.hex()]:
        raise ZoneBroken("The installed database key cannot be read.")
    return zone


def _package(zone: TrustZone, founding: Founding, service_key: keys.PrivateKey, now: datetime) -> Package:
    months, root = zone.lifetime_months, root_make(zone=zone, number=1, actor=SYSTEM, now=now)
    list_issue(root=root, now=now)
    issuer, key = issuer_of(root), dbk.DatabaseKey.generate()

    def pair(kind: Kind, name: str, holder_id: uuid.UUID, private_key: keys.PrivateKey) -> Pair:
        is_service = kind is Kind.SERVICE
        request = issue.Request(
            kind, name, founding.addresses if is_service else (), private_key.public_key(), months, key if is_service else None,
            founding.database_key_oids,
        )  # fmt: skip
        draft = Draft(request, private_key, issuer, int(is_service), keeps_key=False)  # nothing can be encrypted yet
        intent = Intent(kind, holder_id, founding.host_name, 1)
        row = certificate_for(intent=intent, draft=lambda: draft, actor=SYSTEM, now=now)
        return Pair(row.pem().encode(), keys.to_pem(private_key))

    return Package(
        trust_zone=str(zone.pk), node=str(founding.node_id), host_name=founding.host_name, generation=1,
        central_host_name=founding.host_name, central_addresses=founding.central, roots=(root.pem().encode(),),
        service=pair(Kind.SERVICE, founding.host_name, founding.node_id, service_key),
        client=pair(Kind.CLIENT, CLIENT_NAME, founding.node_id, keys.generate(key_type(Kind.CLIENT))),
        cluster=pair(Kind.CLUSTER, CLUSTER_NAME, zone.pk, keys.generate(key_type(Kind.CLUSTER))),
        expires_at=now + timedelta(hours=24), database_key_oids=founding.database_key_oids,
    )  # fmt: skip


@transaction.atomic
def zone_complete(*, zone: TrustZone, now: datetime) -> None:
    """Make the central key, encrypt the cluster key, record the database key and complete the zone. The caller adds the central node's row in this transaction."""
    central_key_found(now=now)
    cluster = Certificate.objects.issued().get(kind=Kind.CLUSTER)
    pem = (settings.NODE_STORE / "current/machine/personal/cluster.pem").read_bytes().partition(b"-----BEGIN CERTIFICATE")[0]
    cluster.sealed_private_key = pem
    cluster.save(update_fields=["sealed_private_key"])
    (key,) = key_ring().keys.values()
    DatabaseKey.objects.create(
        version=1, status=DatabaseKeyStatus.WRITING, key_id=key.key_id.hex(), algorithm=key.algorithm, created_at=now, status_since=now
    )
    TrustZone.objects.filter(pk=zone.pk).update(founded_at=now)
    record(actor=SYSTEM, action="zone.founded", target=zone, detail={"host_name": zone.name}, now=now)
