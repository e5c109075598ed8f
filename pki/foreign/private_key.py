"""Private keys of other programs, read as leniently as OpenSSL reads them, and written without changes.

A proxy must load the same bytes that were checked. So the DER is not changed, also if the library would write it in another form. Only a key
from an encrypted file is written by the library.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

from pki.core import ber
from pki.core.ber import Element
from pki.core.errors import PKIError
from pki.foreign import read as foreign
from pki.foreign.read import ForeignKey

PKCS8, SEC1, PKCS1 = "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"
LABELS = {ber.SEQUENCE: PKCS8, ber.OCTET_STRING: SEC1, ber.INTEGER: PKCS1}  # by what follows the version
CURVES: dict[str, ec.EllipticCurve] = {
    "1.2.840.10045.3.1.7": ec.SECP256R1(), "1.3.132.0.34": ec.SECP384R1(), "1.3.132.0.35": ec.SECP521R1(),
    "1.3.132.0.33": ec.SECP224R1(), "1.3.132.0.10": ec.SECP256K1(),
}  # fmt: skip


@dataclass(frozen=True)
class ForeignPrivateKey:
    """An unencrypted key for a proxy (PEM), and its public key."""

    pem: bytes = field(repr=False)
    public: ForeignKey


def is_plain(element: Element) -> bool:
    """Whether this is an unencrypted private key in one of its forms."""
    parts = element.parts
    return len(parts) > 1 and parts[0].tag == ber.INTEGER and parts[0].number in (0, 1) and parts[1].tag in LABELS


def is_encrypted(element: Element) -> bool:
    """Whether this is an encrypted PKCS #8 key (RFC 5958 section 3)."""
    tags = [part.tag for part in element.parts]
    return len(tags) == 2 and tags[0] == ber.SEQUENCE and tags[1] & 0xDF == ber.OCTET_STRING


def plain(der: bytes) -> ForeignPrivateKey:
    """An unencrypted key: PKCS #8, SEC 1 or PKCS #1. Raises: PKIError, UnsupportedAlgorithm."""
    return _read(lambda: _plain(ber.first(der)))


def encrypted(der: bytes, passphrase: bytes) -> ForeignPrivateKey:
    """An encrypted PKCS #8 key. Raises: PKIError, UnsupportedAlgorithm."""
    return of(_read(lambda: load_der_private_key(der, passphrase, unsafe_skip_rsa_key_validation=True)))


def from_pem(pem: bytes) -> ForeignPrivateKey:
    """A key from its PEM text. Raises: PKIError."""
    label = next((known for known in LABELS.values() if f"-----BEGIN {known}-----".encode() in pem), PKCS8)
    try:
        return _read(lambda: _plain(ber.first(ber.pem_content(pem, label))))
    except UnsupportedAlgorithm as exc:
        raise PKIError("The private key has an unsupported type.") from exc


def of(key: Any) -> ForeignPrivateKey:
    """A key of the library. Raises: PKIError."""
    return _read(lambda: ForeignPrivateKey(_written(key), _public(_proved(key))))


def _read(read: Callable[[], foreign.Read]) -> foreign.Read:
    try:
        return foreign.tried(read)
    except (ValueError, TypeError, IndexError, InvalidSignature) as exc:
        raise PKIError("The private key is damaged.") from exc


def _plain(element: Element) -> ForeignPrivateKey:
    if not is_plain(element):
        raise ValueError("no private key")
    label = LABELS[element.parts[1].tag]
    try:
        key = foreign.tried(lambda: load_der_private_key(element.raw, None, unsafe_skip_rsa_key_validation=True))
    except (ValueError, TypeError):
        key = _rebuilt(element, label)
    return ForeignPrivateKey(ber.pem(label, element.raw), _public(_proved(key)))


def _rebuilt(element: Element, label: str) -> ec.EllipticCurvePrivateKey:
    """An EC key from its secret number, for encodings with a length that the library refuses. Raises: ValueError, IndexError."""
    if label == PKCS8:
        kind, inner = element.parts[1].parts, ber.first(element.parts[2].octets)
        parameters = list(kind[1:]) if kind[0].oid == foreign.EC else []
    else:
        inner, parameters = element, [part for tagged in element.parts[2:] if tagged.tag == 0xA0 for part in tagged.parts]
    if label == PKCS1 or not parameters:
        raise ValueError("no EC key")
    curve = CURVES.get(parameters[0].oid)
    if curve is None:
        raise UnsupportedAlgorithm("another curve")
    return ec.derive_private_key(int.from_bytes(inner.parts[1].octets), curve)


def _proved(key: Any) -> Any:
    """`key`, if its public key verifies its signature. OpenSSL's check of the primes of an RSA key takes minutes for long ones.

    Raises: ValueError, InvalidSignature.
    """
    if isinstance(key, rsa.RSAPrivateKey):
        key.public_key().verify(key.sign(b"", padding.PKCS1v15(), hashes.SHA256()), b"", padding.PKCS1v15(), hashes.SHA256())
    return key


def _public(key: Any) -> ForeignKey:
    return foreign.of_private_key(key)


def _written(key: Any) -> bytes:
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem
