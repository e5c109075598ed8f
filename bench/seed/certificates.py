"""Certificates of the root: signed with its key, and built like those of the product, but without lint and with two keys for all."""

import functools
import os
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from bench.seed.plan import MONTHS
from certs.certificates.issuer import Issuer
from certs.certificates.services import renew_at
from certs.models import Certificate
from certs.states import CertificateStatus
from pki.core import database_key, keys, lifetime, names
from pki.core.keys import DEFAULT_KEY_TYPES
from pki.core.pair import Pair
from pki.core.roles import CLIENT_NAME, Kind, role_extension
from pki.core.verify import fingerprint
from pki.issuing.profiles import PROFILES

LEASE = timedelta(seconds=120)


@functools.cache
def _key(kind: Kind) -> Any:
    return keys.generate(DEFAULT_KEY_TYPES[kind])


def client_key_write(path: Path) -> None:
    """Write the private key of the client certificates that this process made into a new file. Raises: FileExistsError."""
    with open(path, "xb", opener=functools.partial(os.open, mode=0o600)) as file:
        file.write(keys.to_pem(_key(Kind.CLIENT)))


@dataclass(frozen=True)
class Holder:
    """Who gets a certificate, and its names if it is a service certificate."""

    id: Any
    label: str
    host_name: str
    further_names: tuple[str, ...] = ()


class Maker:
    """Makes rows of certificates. `key` is the database key of their service certificates."""

    def __init__(self, issuer: Issuer, key: database_key.DatabaseKey, oids: database_key.Oids) -> None:
        self.root, self.signs_with, self.key, self.oids = issuer.row, issuer.private_key, key, oids
        self.certificate = issuer.row.x509()
        self.extensions = {kind: self._extensions(kind) for kind in (Kind.SERVICE, Kind.CLIENT)}

    def _extensions(self, kind: Kind) -> list[tuple[x509.ExtensionType, bool]]:
        profile, public_key, issuer_key = PROFILES[kind], _key(kind).public_key(), self.certificate.public_key()
        assert isinstance(issuer_key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
        usage = dict.fromkeys(
            ("content_commitment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
            False,
        )
        found: list[tuple[x509.ExtensionType, bool]] = [
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (x509.KeyUsage(digital_signature=True, key_encipherment=profile.key_encipherment, **usage), True),
            (x509.SubjectKeyIdentifier.from_public_key(public_key), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), False),
            (x509.ExtendedKeyUsage(profile.extended_key_usages), False),
        ]
        if profile.role:
            found.append((role_extension(profile.role), False))
        if profile.carries_database_key:
            found += [(extension, False) for extension in database_key.extensions(self.key, public_key, self.oids)]
        return found

    def row(self, kind: Kind, holder: Holder, generation: int, *, at: datetime, spread: bool = True, **fields: Any) -> Certificate:
        """The row of a certificate that was issued `at` that time. Without `spread`, it is renewed as soon as it is due."""
        span = lifetime.validity(now=at, months=MONTHS, issuer_not_after=None)
        carries = PROFILES[kind].carries_names
        name, further = (holder.host_name, [holder.host_name, *holder.further_names]) if carries else (CLIENT_NAME, [])
        serial = secrets.randbits(120) | 1 << 126 if spread else secrets.randbits(120) << 16 & (1 << 126) - 1 | 1 << 126
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = x509.CertificateBuilder(
            self.certificate.subject, subject, _key(kind).public_key(), serial, span.not_before, span.not_after
        )
        for extension, critical in self.extensions[kind]:
            builder = builder.add_extension(extension, critical=critical)
        if further:
            builder = builder.add_extension(x509.SubjectAlternativeName([*map(names.subject_alternative_name, further)]), critical=False)
        signed = builder.sign(self.signs_with, keys.hash_for(self.signs_with.public_key()))
        return Certificate(
            kind=kind, role=PROFILES[kind].role or "", subject=subject.rfc4514_string(), subject_alternative_names=further,
            serial=f"{serial:x}", sha256=fingerprint(signed), der=signed.public_bytes(Encoding.DER), not_before=span.not_before,
            not_after=span.not_after, renew_at=renew_at(kind, span.not_before, span.not_after, serial), key_type=DEFAULT_KEY_TYPES[kind], holder_id=holder.id, holder=holder.label, generation=generation,
            database_key_version=int(kind is Kind.SERVICE), issuer=self.root, lease_until=at + LEASE, created_at=at,
            **{"status": CertificateStatus.ISSUED} | fields,
        )  # fmt: skip

    def pair(self, holder: Holder, generation: int, **fields: Any) -> tuple[Certificate, Certificate]:
        return self.row(Kind.SERVICE, holder, generation, **fields), self.row(Kind.CLIENT, holder, generation, **fields)


def browser_pair(name: str, further: list[str], *, begins: datetime, ends: datetime) -> Pair:
    """A self-signed certificate for browsers, with its key."""
    key, subject = keys.generate(keys.KeyType.EC_P256), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), begins, ends)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in [name, *further]]), critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage(PROFILES[Kind.SERVER].extended_key_usages), critical=False)
    signed = builder.sign(key, keys.hash_for(key.public_key()))
    return Pair(signed.public_bytes(Encoding.PEM), keys.to_pem(key))
