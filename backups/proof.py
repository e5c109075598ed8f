"""Checks of a restored site. Each problem is reported, and none prevents the other checks."""

from collections.abc import Iterator
from datetime import datetime

from audit.checkpoints.look import log_verify
from certs.central_key.services import central_keys_proved, resealing_is_finished
from certs.certificates.issuer import root_key
from certs.models import Certificate, DatabaseKey
from pki.core import clocks, keys
from pki.core.commands import QMC
from pki.core.errors import PKIError
from pki.core.roles import Role
from pki.core.verify import fingerprint, peer
from sealing.errors import TrustZoneError
from sealing.fields import encrypted_fields
from sealing.local_keys import key_ring, own_store


def problems(*, now: datetime) -> list[str]:
    """Problems of audit log, root keys, this machine's certificates, database keys and central keys."""
    found: list[str] = []
    for proof in (_audit_log, _roots, _store, _database_keys, _central_keys):
        try:
            found += proof(now)
        except (TrustZoneError, PKIError, OSError) as exc:
            found.append(str(exc))
    return found


def _audit_log(now: datetime) -> Iterator[str]:
    yield from (found.text for found in log_verify().findings)


def _roots(now: datetime) -> Iterator[str]:
    for row in Certificate.objects.issued().filter(kind="root").exclude(encrypted_private_key=None):
        if root_key(row).public_key() != row.x509().public_key():
            yield f"The private key of {row.subject} does not belong to its certificate."


def _store(now: datetime) -> Iterator[str]:
    installed = own_store()
    # A certificate that has expired since is verified at its last valid moment. `remarks` reports that it has expired.
    at = min(now, installed.service.not_valid_after_utc, installed.client.not_valid_after_utc)
    held = [
        (installed.service, installed.service_pem, Role.SERVICE, installed.host_name),
        (installed.client, installed.client_pem, Role.CLIENT, None),
    ]
    for certificate, path, role, name in held:
        peer(certificate, installed.roots, role=role, host_name=name, now=at)
        if keys.from_pem(path.read_bytes(), own=True).public_key() != certificate.public_key():
            yield f"The central node's {role} key does not belong to its certificate."


def _database_keys(now: datetime) -> Iterator[str]:
    at_hand = key_ring().keys
    for version in DatabaseKey.objects.live():
        if version.key_id not in at_hand:
            yield f"No service certificate of this machine opens {version}."


def _central_keys(now: datetime) -> Iterator[str]:
    central_keys_proved()
    yield from ()


def remarks(*, now: datetime) -> Iterator[str]:
    """Facts that are not faults of the backup: what has expired since, and what the site lacked already."""
    if not resealing_is_finished():
        yield "Some values of the central node are encrypted with a database key or an older central key. `up` encrypts them again."
    installed = own_store()
    trusted = {fingerprint(root) for root in installed.roots}
    for row in Certificate.objects.issued().filter(kind="root"):
        if row.encrypted_private_key is None:
            yield f"The private key of {row.subject} is missing, so this root cannot sign. Rotate the root, or recreate it."
        if row.sha256 not in trusted:
            yield f"This machine does not trust {row.subject} yet."
    for certificate in (*installed.roots, installed.service, installed.client):
        if now > certificate.not_valid_after_utc:
            name = certificate.subject.rfc4514_string()
            yield f"{name} expired on {clocks.stamp(certificate.not_valid_after_utc)}: recreate the root (`{QMC} recreate_root`)."


def fields_open() -> tuple[int, list[str]]:
    """The number of encrypted values that open, and the problem of each other one."""
    opened, closed = 0, []
    for model, field in encrypted_fields():
        for row in model._base_manager.exclude(**{f"{field.name}__isnull": True}).iterator():
            try:
                getattr(row, field.name).open()
            except (TrustZoneError, PKIError) as exc:
                closed.append(f"{model._meta.label} {row.pk}, {field.name}: {exc}")
            else:
                opened += 1
    return opened, closed
