"""Revocation lists: numbering and signing them (RFC 5280 section 5)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki.core.clocks import BACKDATE
from pki.core.errors import ProfileError
from pki.core.keys import PrivateKey, hash_for

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
    """One revoked certificate with the time of its revocation."""

    serial: int
    revoked_at: datetime
    code: RevocationCode


def list_number(last: int, now: datetime) -> int:
    """Larger than `last`; seconds since 1970, so that numbers also grow across the restore of a backup (RFC 5280, 5.2.3)."""
    return max(last + 1, int(now.timestamp()))


def list_sign(root: x509.Certificate, private_key: PrivateKey, *, number: int, entries: Iterable[Entry], now: datetime) -> bytes:
    """The root's revocation list as DER, valid for 30 days. Raises: ProfileError for a key that is not the root's.

    Only the list itself is backdated. An entry's date is the moment of its revocation, the same in each list (RFC 5280, 5.3).
    """
    public_key = private_key.public_key()
    if public_key != root.public_key():
        raise ProfileError("this private key does not belong to the root whose list is to be signed")
    moment = now.replace(microsecond=0) - BACKDATE
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
