"""The text and the remedy for OpenSSL's reason to refuse a chain (RFC 5280 section 6.1; x509_vfy.h has the numbers)."""

from collections.abc import Callable

from pki.core.findings import Finding
from pki.foreign.names import printable
from pki.foreign.paths import Path
from pki.foreign.read import ForeignCertificate
from pki.foreign.refusal import Refusal
from pki.foreign.remedies import Remedy

SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
KNOWN_EXTENSIONS = {"2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.30", "2.5.29.31", "2.5.29.32", "2.5.29.36", "2.5.29.37", "2.5.29.54"}


Test = Callable[[ForeignCertificate], bool]


def _always(certificate: ForeignCertificate) -> bool:
    return True


def _is_no_authority(certificate: ForeignCertificate) -> bool:
    return not certificate.is_authority


def _is_short(certificate: ForeignCertificate) -> bool:
    return certificate.key.is_too_short


def _is_weak(certificate: ForeignCertificate) -> bool:
    return certificate.is_weakly_signed


def _is_for_others(certificate: ForeignCertificate) -> bool:
    return certificate.purposes is not None and SERVER_AUTH not in certificate.purposes


def _has_unknown(certificate: ForeignCertificate) -> bool:
    return bool(unknown(certificate))


def unknown(certificate: ForeignCertificate) -> list[str]:
    """Its critical extensions that browsers do not support."""
    return [oid for oid, extension in certificate.extensions.items() if extension.critical and oid not in KNOWN_EXTENSIONS]


# OpenSSL's reason → code of the finding, candidates for the cause, test for the cause, text, remedy.
LEAF, ABOVE, ANY = slice(0, 1), slice(1, None), slice(None)
AUTHORITY = ("chain", ABOVE, _is_no_authority, "Its issuer {name} is not a certificate authority.", Remedy.CURRENT_ISSUERS)
MISSING = ("chain", ANY, _always, "The certificates do not make a chain: an issuer is missing.", Remedy.ADD_ISSUER)
NOT_ALLOWED = (
    "chain",
    ANY,
    _always,
    "A certificate authority in its chain may not issue for its names (name constraints).",
    Remedy.ANOTHER_CERTIFICATE,
)
NO_NAME = ("names", LEAF, _always, "It has no subject alternative name under which a browser could call a server.", Remedy.HOST_NAMES)
NO_SIGNATURE = ("key", LEAF, _always, "Its key is {key}. Browsers do not support this key type.", Remedy.COMMON_KEY)
WORDS: dict[str, tuple[str, slice, Test, str, Remedy]] = {
    "7": ("chain", ANY, _always, "A signature in its chain does not verify.", Remedy.CURRENT_ISSUERS),
    "18": ("chain", LEAF, _always, "It is self-signed, and its signature does not verify.", Remedy.ADD_AUTHORITY),
    "20": MISSING, "21": MISSING, "24": AUTHORITY, "79": AUTHORITY, "47": NOT_ALLOWED, "48": NOT_ALLOWED, "62": NO_NAME, "64": NO_NAME,
    "25": ("chain", ABOVE, _always, "A certificate authority in its chain may not have this many others below it.", Remedy.CURRENT_ISSUERS),
    "26": ("purpose", ANY, _is_for_others, "{name} is not made for servers: its purposes or its key usage do not include that.", Remedy.SERVER_CERTIFICATE),
    "32": ("chain", ABOVE, _always, "A certificate authority in its chain may not sign certificates: its key usage lacks that.", Remedy.CURRENT_ISSUERS),
    "34": ("chain", ANY, _has_unknown, "{name} has the critical extension {unknown}, which browsers do not know.", Remedy.ANOTHER_CERTIFICATE),
    "41": ("chain", ANY, _always, "A certificate in its chain has an extension that is not valid.", Remedy.ANOTHER_CERTIFICATE),
    "66": ("key", LEAF, _is_short, "Its key is {key}, which browsers refuse as too short.", Remedy.COMMON_KEY),
    "67": ("key", ABOVE, _is_short, "The key of {name}, in its chain, is {key}, which browsers and proxies refuse as too short.", Remedy.ANOTHER_CERTIFICATE),
    "68": ("signature", ANY, _is_weak, "{name} is signed with {hash}, which browsers refuse.", Remedy.ANOTHER_CERTIFICATE),
    "KEY_VALUES_MISMATCH": ("private-key", LEAF, _always, "The private key does not belong to it.", Remedy.UPLOAD_WITH_KEY),
    "KEY_TYPE_MISMATCH": ("private-key", LEAF, _always, "The private key is of another type than its key.", Remedy.UPLOAD_WITH_KEY),
    "NO_SUITABLE_SIGNATURE_ALGORITHM": NO_SIGNATURE, "NO_SHARED_CIPHER": NO_SIGNATURE, "SSLV3_ALERT_HANDSHAKE_FAILURE": NO_SIGNATURE,
}  # fmt: skip
SAME = {"EE_KEY_TOO_SMALL": "66", "CA_KEY_TOO_SMALL": "67", "CA_MD_TOO_WEAK": "68"}
OTHER = ("chain", ANY, _always, "OpenSSL refuses it: {reason}.", Remedy.ANOTHER_CERTIFICATE)


def explained(refusal: Refusal, path: Path) -> Finding:
    """The finding for a refusal of `path`, always a blocker."""
    code, where, is_it, words, remedy = WORDS.get(SAME.get(refusal.code, refusal.code), OTHER)
    meant = next((certificate for certificate in path.certificates[where] if is_it(certificate)), path.leaf)
    title = words.format(
        name=meant.name, key=meant.key.words, hash=meant.hash_name.upper() or "an old method", unknown=", ".join(unknown(meant)) or "of an unknown kind",
        reason=printable(refusal.text)[:200],
    )  # fmt: skip
    return Finding(code, "blocker", title, remedy)
