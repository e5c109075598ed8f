"""Revocation lists: signed by their root, numbered, checked before they count (RFC 5280, section 5)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from pki.core.errors import PKIError, ProfileError
from pki.core.keys import PrivateKey, hash_for
from pki.core.lifetime import BACKDATE

NEXT_UPDATE = timedelta(days=30)


class RevocationCode(StrEnum):
    """Why a certificate is revoked (RFC 5280, section 5.3.1)."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "keyCompromise"
    AFFILIATION_CHANGED = "affiliationChanged"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessationOfOperation"

    @property
    def label(self) -> str:
        return {
            "unspecified": "no particular reason", "keyCompromise": "its private key is known to others", "affiliationChanged": "its holder has changed",
            "superseded": "another took its place", "cessationOfOperation": "it is not needed any more",
        }[self]  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One revoked certificate, and when that happened."""

    serial: int
    revoked_at: datetime
    code: RevocationCode


def list_number(last: int, now: datetime) -> int:
    """Larger than `last`; seconds since 1970, so that numbers also grow across the restore of a backup (RFC 5280, 5.2.3)."""
    return max(last + 1, int(now.timestamp()))


def list_sign(root: x509.Certificate, private_key: PrivateKey, *, number: int, entries: Iterable[Entry], now: datetime) -> bytes:
    """The root's list as DER, good for 30 days. Raises: ProfileError for a key that is not the root's.

    Only the list itself is backdated. An entry's date is the moment of its revocation, the same in each list (RFC 5280, 5.3).
    """
    public_key = private_key.public_key()
    if public_key != root.public_key():
        raise ProfileError("this private key does not belong to the root whose list is to be signed")
    moment = now.replace(microsecond=0) - BACKDATE  # as certificates are, for clocks that are behind
    builder = (
        x509.CertificateRevocationListBuilder(root.subject, moment, now.replace(microsecond=0) + NEXT_UPDATE)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public_key), critical=False)
    )
    for entry in entries:
        row = x509.RevokedCertificateBuilder(entry.serial, entry.revoked_at.replace(microsecond=0))
        if entry.code is not RevocationCode.UNSPECIFIED:  # is left out instead (RFC 5280, 5.3.1)
            row = row.add_extension(x509.CRLReason(x509.ReasonFlags(entry.code.value)), critical=False)
        builder = builder.add_revoked_certificate(row.build())
    return builder.sign(private_key, hash_for(public_key)).public_bytes(Encoding.DER)


def issued_by(crl: x509.CertificateRevocationList, root: x509.Certificate) -> bool:
    """Whether `root` signed the list."""
    try:
        return crl.issuer == root.subject and crl.is_signature_valid(root.public_key())  # type: ignore[arg-type]
    except (InvalidSignature, TypeError, ValueError):
        return False


def number_of(crl: x509.CertificateRevocationList) -> int:
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def is_revoked(certificate: x509.Certificate, crls: Iterable[x509.CertificateRevocationList]) -> bool:
    """Whether the list of the certificate's issuer names it. A list that is past its next update counts as before: stale is an alert."""
    return any(
        crl.issuer == certificate.issuer and crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None
        for crl in crls
    )


def load(pem: bytes) -> tuple[x509.CertificateRevocationList, ...]:
    """The lists in `pem`, each with its number. Whether a trusted root signed them is `package_check.trust`'s question. Raises: PKIError."""
    mark, crls = b"-----BEGIN X509 CRL-----", []
    for part in pem.split(mark)[1:]:
        try:
            crl = x509.load_pem_x509_crl(mark + part)
            number_of(crl)
        except (ValueError, x509.ExtensionNotFound) as exc:
            raise PKIError("A revocation list cannot be read, or bears no number.") from exc
        crls.append(crl)
    return tuple(crls)
