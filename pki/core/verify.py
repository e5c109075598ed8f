"""Checks of certificates: of a peer in a handshake, and of a package before its installation."""

import functools
import hashlib
import ipaddress
from collections.abc import Iterable
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from pki.core import clocks, revocation
from pki.core.errors import NotValidNow, PeerRefused
from pki.core.roles import Role, role_of


def fingerprint(certificate: x509.Certificate | bytes) -> str:
    """SHA-256 over the DER, lower-case hex; of a certificate or its DER."""
    der = certificate if isinstance(certificate, bytes) else certificate.public_bytes(Encoding.DER)
    return hashlib.sha256(der).hexdigest()


def grouped(fingerprint: str) -> str:
    """A fingerprint in groups of four digits, for comparison by people."""
    return " ".join(fingerprint[start : start + 4] for start in range(0, len(fingerprint), 4))


def subject_of(certificate: x509.Certificate) -> str:
    """The subject of a certificate as text (RFC 4514)."""
    return certificate.subject.rfc4514_string()


@functools.lru_cache(2048)
def is_issued_by(certificate: x509.Certificate, root: x509.Certificate) -> bool:
    """Whether `root` signed it. Remembered, because a handshake asks twice, and the same nodes call again."""
    try:
        certificate.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def chain(certificate: x509.Certificate, roots: Iterable[x509.Certificate], *, now: datetime) -> None:
    """Check that one of `roots` signed it, and that both are valid at `now`. Raises: PeerRefused, of it NotValidNow."""
    for root in roots:
        if not is_issued_by(certificate, root):
            continue
        for link in (root, certificate):
            if not link.not_valid_before_utc <= now <= link.not_valid_after_utc:
                raise NotValidNow(
                    f"{subject_of(link)} is valid from {clocks.stamp(link.not_valid_before_utc)} to {clocks.stamp(link.not_valid_after_utc)}, "
                    f"and the clock here says {clocks.stamp(now)}. Check the clocks, then the certificate."
                )
        return
    raise PeerRefused(f"{subject_of(certificate)} was not issued by this trust zone's root: it belongs to another site.")


def _has_name(certificate: x509.Certificate, name: str) -> bool:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    try:
        return ipaddress.ip_address(name) in names.get_values_for_type(x509.IPAddress)
    except ValueError:
        return name.lower() in [known.lower() for known in names.get_values_for_type(x509.DNSName)]


def peer(
    certificate: x509.Certificate,
    roots: Iterable[x509.Certificate],
    *,
    role: Role,
    host_name: str | None,
    now: datetime,
    crls: Iterable[x509.CertificateRevocationList] = (),
) -> None:
    """Check chain, revocation, role and, if given, the called host name (S5, S14). Raises: PeerRefused."""
    chain(certificate, roots, now=now)
    if revocation.is_revoked(certificate, crls):
        raise PeerRefused(f"{subject_of(certificate)} was revoked. Renew or redistribute the node that presents it.")
    if role_of(certificate) != role:
        raise PeerRefused(f"{subject_of(certificate)} has the role {role_of(certificate)}, but {role} is required.")
    if host_name is not None and not _has_name(certificate, host_name):
        raise PeerRefused(f"{subject_of(certificate)} does not have the name {host_name} that was called.")
