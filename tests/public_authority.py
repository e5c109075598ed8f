"""A certificate authority outside the trust zone, such as browsers trust: it signs whatever a test asks for."""

import functools
import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pki.foreign import read as foreign
from pki.foreign.read import ForeignCertificate

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)
USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
    "encipher_only", "decipher_only",
)  # fmt: skip


@dataclass(frozen=True)
class Signed:
    """A certificate with its key, and what signed it."""

    certificate: x509.Certificate
    key: Any

    @property
    def foreign(self) -> ForeignCertificate:
        return foreign.from_x509(self.certificate)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


@functools.cache
def p256(number: int = 0) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def sign(
    subject: str = "www.example",
    *,
    issuer: Signed | None = None,
    key: Any = None,
    names: tuple[str, ...] = ("www.example",),
    begins: datetime = NOW - timedelta(days=1),
    days: int = 90,
    ca: bool = False,
    purposes: tuple[x509.ObjectIdentifier, ...] = SERVER,
    usage: tuple[str, ...] = ("digital_signature",),
    further: tuple[x509.ExtensionType, ...] = (),
    hashed: Any = None,
) -> Signed:
    """Signed by `issuer`, or self-signed."""
    key = key or p256()
    ends = begins + timedelta(days=days)
    builder = x509.CertificateBuilder(
        _name(issuer.certificate.subject.rfc4514_string().removeprefix("CN=") if issuer else subject), _name(subject), key.public_key(),
        x509.random_serial_number(), begins, ends,
    )  # fmt: skip
    builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    if usage:
        builder = builder.add_extension(x509.KeyUsage(**{name: name in usage for name in USAGES}), critical=True)
    for extension in further:
        builder = builder.add_extension(extension, critical=False)
    signer = issuer.key if issuer else key
    is_plain = isinstance(signer, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)  # they take no hash
    return Signed(builder.sign(signer, None if is_plain else hashed or hashes.SHA256()), key)


@functools.cache
def root() -> Signed:
    return sign("Public Root", key=p256(1), names=(), days=7000, ca=True, purposes=(), usage=("key_cert_sign", "crl_sign"))


@functools.cache
def intermediate() -> Signed:
    return sign(
        "Public CA 7", issuer=root(), key=p256(2), names=(), days=3000, ca=True, purposes=(), usage=("key_cert_sign", "crl_sign")
    )  # fmt: skip
