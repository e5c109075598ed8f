"""Certificates that others made: read once and whole, so that nothing about them fails later; and which names they cover."""

import ipaddress
from collections.abc import Callable
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from pki.errors import PKIError

Read = TypeVar("Read")
ODD = (OverflowError, NotImplementedError, InternalError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, x509.InvalidVersion)
WEAK_HASHES = {"md5", "sha1"}
SMALLEST_RSA, SMALLEST_CURVE = 2048, 224  # 112 bits of security: with a shorter key anywhere in it, OpenSSL does not load a chain
LATE = ("subject", "issuer", "not_valid_before_utc", "not_valid_after_utc", "extensions", "signature_algorithm_oid")


def tried(read: Callable[[], Read]) -> Read:
    """What the library reads out of bytes that anybody may have made. Raises: ValueError, TypeError, UnsupportedAlgorithm, and nothing else.

    Damaged bytes bring errors of many kinds out of it, and now and then a panic of its Rust part, which is no `Exception`.
    """
    try:
        return read()
    except ODD as exc:
        raise ValueError("these bytes are odd") from exc
    except BaseException as exc:
        if type(exc).__name__ != "PanicException":
            raise
        raise ValueError("these bytes bring the library to a panic") from exc


def loaded(content: bytes) -> x509.Certificate:
    """A certificate, PEM or DER. Raises: PKIError where any of its names, dates, extensions or its key cannot be read."""
    try:
        return tried(lambda: _loaded(content))
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise PKIError("This certificate is damaged, or holds what no browser reads either.") from exc


def _loaded(content: bytes) -> x509.Certificate:
    is_pem = content.lstrip().startswith(b"-----")
    certificate = x509.load_pem_x509_certificate(content) if is_pem else x509.load_der_x509_certificate(content)
    certificate.public_key()
    for part in LATE:  # decoded only when they are asked for
        getattr(certificate, part)
    return certificate


def printable(text: str) -> str:
    """`text` with U+FFFD for whatever cannot be printed: PostgreSQL keeps no NUL, and no page should show a line break in a name."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text)


def alternative_names(certificate: x509.Certificate) -> list[str]:
    """Its DNS names and IP addresses, the only ones that browsers read; printable."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [*map(printable, found.get_values_for_type(x509.DNSName)), *(str(each) for each in found.get_values_for_type(x509.IPAddress))]


def covers(certificate: x509.Certificate, name: str) -> bool:
    """Whether browsers accept the certificate for `name`, a host name or an IP address (RFC 9525 section 6.3)."""
    borne = {each.lower() for each in alternative_names(certificate)}
    try:
        return str(ipaddress.ip_address(name)) in borne
    except ValueError:
        wanted = name.lower().removesuffix(".")
    rest = wanted.partition(".")[2]
    # A wildcard stands for exactly one label, and browsers refuse it right below a top-level domain.
    return wanted in borne or ("." in rest and f"*.{rest}" in borne)


def is_too_short(certificate: x509.Certificate) -> bool:
    """Whether its key is so short that OpenSSL loads no chain with it."""
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.key_size < SMALLEST_CURVE
    return isinstance(key, rsa.RSAPublicKey | dsa.DSAPublicKey) and key.key_size < SMALLEST_RSA


def hash_name(certificate: x509.Certificate) -> str:
    """With what its signature was made, "" where that names none (Ed25519) or is not known here."""
    try:
        used = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return ""
    return used.name if used else ""


def is_weakly_signed(certificate: x509.Certificate) -> bool:
    return hash_name(certificate) in WEAK_HASHES


def comes_from(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether `issuer` signed it. Of a SHA-1 or MD5 signature, which is not verified here any more, the names alone are compared."""
    if certificate.issuer != issuer.subject:
        return False
    if is_weakly_signed(certificate):
        return True
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def is_self_signed(certificate: x509.Certificate) -> bool:
    return comes_from(certificate, certificate)
