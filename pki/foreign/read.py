"""Certificates of other authorities, read as leniently as OpenSSL reads them (X.690, RFC 5280 section 4.1).

Libraries refuse certificates that are not strict DER, or have wrong characters in a name. OpenSSL and browsers accept them. The main fields are
decoded at once, so that they cannot fail later.
"""

import hashlib
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

from cryptography import x509
from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from pki.core import ber
from pki.core.ber import Element
from pki.core.errors import PKIError
from pki.core.roles import ROLE_OID, octet_string_content
from pki.foreign.names import Name, name_of, printable

Read = TypeVar("Read")
ODD = (
    OverflowError,
    NotImplementedError,
    InternalError,
    KeyError,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    x509.InvalidVersion,
)
SMALLEST_RSA, SMALLEST_CURVE = 2048, 224  # 112 bits of security: with a shorter key anywhere in it, OpenSSL does not load a chain
PSS_WORDS = "RSA-PSS"
RSA, RSA_PSS, EC = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10", "1.2.840.10045.2.1"
KEY_WORDS = {
    "1.3.101.112": "Ed25519",
    "1.3.101.113": "Ed448",
    "1.2.840.10040.4.1": "DSA",
    "1.3.101.110": "X25519",
    "1.2.840.10046.2.1": "DH",
}
CURVES = {
    "1.2.840.10045.3.1.7": ("EC P-256", 256), "1.3.132.0.34": ("EC P-384", 384), "1.3.132.0.35": ("EC secp521r1", 521),
    "1.3.132.0.33": ("EC secp224r1", 224), "1.2.840.10045.3.1.1": ("EC secp192r1", 192), "1.3.132.0.10": ("EC secp256k1", 256),
    "1.3.36.3.3.2.8.1.1.7": ("EC brainpoolP256r1", 256), "1.3.36.3.3.2.8.1.1.11": ("EC brainpoolP384r1", 384),
    "1.3.36.3.3.2.8.1.1.13": ("EC brainpoolP512r1", 512),
}  # fmt: skip
SHA1, SHA224, SHA256, SHA384, SHA512 = hashes.SHA1(), hashes.SHA224(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512()  # noqa: S303
SIGNED_WITH: dict[str, tuple[str, hashes.HashAlgorithm | None]] = {
    "1.2.840.113549.1.1.2": ("md2", None), "1.2.840.113549.1.1.4": ("md5", None), "1.2.840.113549.1.1.5": ("sha1", SHA1),
    "1.2.840.113549.1.1.14": ("sha224", SHA224), "1.2.840.113549.1.1.11": ("sha256", SHA256), "1.2.840.113549.1.1.12": ("sha384", SHA384),
    "1.2.840.113549.1.1.13": ("sha512", SHA512), "1.2.840.10045.4.1": ("sha1", SHA1), "1.2.840.10045.4.3.1": ("sha224", SHA224),
    "1.2.840.10045.4.3.2": ("sha256", SHA256), "1.2.840.10045.4.3.3": ("sha384", SHA384), "1.2.840.10045.4.3.4": ("sha512", SHA512),
    "1.2.840.10040.4.3": ("sha1", None), "1.3.14.3.2.29": ("sha1", SHA1), "2.16.840.1.101.3.4.3.2": ("sha256", None),
}  # fmt: skip
HASHES = {"1.3.14.3.2.26": "sha1", "1.2.840.113549.2.5": "md5", "2.16.840.1.101.3.4.2.4": "sha224", "2.16.840.1.101.3.4.2.1": "sha256",
          "2.16.840.1.101.3.4.2.2": "sha384", "2.16.840.1.101.3.4.2.3": "sha512"}  # fmt: skip
WEAK_HASHES = {"md2", "md5", "sha1"}
ALTERNATIVE_NAMES, BASIC_CONSTRAINTS, PURPOSES, USAGE, ACCESS = "2.5.29.17", "2.5.29.19", "2.5.29.37", "2.5.29.15", "1.3.6.1.5.5.7.1.1"
TLS_FEATURE, STATUS_REQUEST = "1.3.6.1.5.5.7.1.24", b"\x05"
ISSUERS = "1.3.6.1.5.5.7.48.2"
VERSION_3 = 2
DNS_NAME, URI, IP_ADDRESS = 0x82, 0x86, 0x87


def tried(read: Callable[[], Read]) -> Read:
    """The result of a library function that reads untrusted bytes. Raises only ValueError, TypeError and UnsupportedAlgorithm.

    For damaged bytes the library raises errors of many types, and sometimes a panic of its Rust part, which is not an `Exception`.
    """
    try:
        return read()
    except ODD as exc:
        raise ValueError("the library cannot read these bytes") from exc
    except BaseException as exc:
        if type(exc).__name__ != "PanicException":
            raise
        raise ValueError("the library panics on these bytes") from exc


@dataclass(frozen=True)
class ForeignKey:
    """A public key: its type as text, its length in bits (0 if unknown), and `identity`, which is equal for equal keys."""

    words: str = field(compare=False)
    bits: int = field(compare=False)
    identity: tuple[object, ...]
    spki: bytes = field(repr=False, compare=False, default=b"")

    @property
    def is_rsa(self) -> bool:
        return self.words.startswith("RSA")

    @property
    def is_too_short(self) -> bool:
        """Whether OpenSSL refuses to load a chain with it."""
        return 0 < self.bits < (SMALLEST_RSA if self.is_rsa or self.words == "DSA" else SMALLEST_CURVE)


def public_key(spki: bytes) -> ForeignKey:
    """A SubjectPublicKeyInfo. Raises: ValueError."""
    algorithm, bits = ber.first(spki).parts[:2]
    kind = algorithm.parts[0].oid
    key = bits.content[1:]
    if kind in (RSA, RSA_PSS):
        modulus, exponent = ber.first(key).parts[:2]
        size = abs(modulus.number).bit_length()
        return ForeignKey(f"RSA-{size}" if kind == RSA else f"{PSS_WORDS}, {size} bits", size, (RSA, modulus.number, exponent.number), spki)
    if kind == EC and len(algorithm.parts) > 1 and algorithm.parts[1].tag == ber.OID:
        curve = algorithm.parts[1].oid
        words, size = CURVES.get(curve, (f"EC {curve}", 0))
        if key[:1] == b"\x04":
            half = len(key) // 2 + 1
            return ForeignKey(words, size, (curve, key[1:half], key[-1] & 1), spki)
        return ForeignKey(words, size, (curve, key[1:], key[0] & 1 if key else 0), spki)
    return ForeignKey(KEY_WORDS.get(kind, "EC with parameters of its own" if kind == EC else kind), 0, (kind, key), spki)


def of_private_key(key: Any) -> ForeignKey:
    """The public half of a private key. Raises: ValueError."""
    return public_key(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


@dataclass(frozen=True)
class Extension:
    critical: bool
    value: bytes


@dataclass(frozen=True)
class ForeignCertificate:
    """A certificate. Two are equal if their bytes are."""

    der: bytes
    subject: Name = field(compare=False)
    issuer: Name = field(compare=False)
    not_before: datetime = field(compare=False)
    not_after: datetime = field(compare=False)
    key: ForeignKey = field(compare=False)
    hash_name: str = field(compare=False)
    extensions: dict[str, Extension] = field(compare=False)
    signed: tuple[bytes, Element, bytes] = field(compare=False, repr=False)

    @property
    def pem(self) -> bytes:
        return ber.pem("CERTIFICATE", self.der)

    @property
    def thumbprints(self) -> tuple[str, str]:
        """SHA-1, which Windows shows, and SHA-256: lower-case hex."""
        # SHA-1 only identifies certificates here. Nothing is trusted because of it.
        return hashlib.sha1(self.der).hexdigest(), hashlib.sha256(self.der).hexdigest()  # noqa: S324

    @property
    def name(self) -> str:
        """Its common name, else all of its subject."""
        return self.subject.common or self.subject.text or "a certificate without a name"

    @cached_property
    def dns_names(self) -> list[str]:
        """Its DNS names, printable. An address among them matches no host."""
        return [printable(part.content.decode(errors="replace")) for part in self._parts(ALTERNATIVE_NAMES) if part.tag == DNS_NAME]

    @cached_property
    def addresses(self) -> list[str]:
        found = [part.content for part in self._parts(ALTERNATIVE_NAMES) if part.tag == IP_ADDRESS]
        return [str(ipaddress.ip_address(address)) for address in found if len(address) in (4, 16)]

    @property
    def names(self) -> list[str]:
        """Its DNS names and IP addresses, the only ones that browsers read."""
        return [*self.dns_names, *self.addresses]

    @cached_property
    def purposes(self) -> list[str] | None:
        """The OIDs of its extended key usage, None without that extension."""
        if PURPOSES not in self.extensions:
            return None
        return [_oid(part) for part in self._parts(PURPOSES)]

    @cached_property
    def may_sign(self) -> bool:
        """Whether its key usage allows digital signatures, or is missing."""
        bits = self._value(USAGE)
        return bits is None or (len(bits.content) > 1 and bool(bits.content[1] & 0x80))

    @cached_property
    def is_authority(self) -> bool:
        parts = self._parts(BASIC_CONSTRAINTS)
        return bool(parts) and parts[0].tag == ber.BOOLEAN and parts[0].content != b"\0"

    @cached_property
    def locations(self) -> list[str]:
        """The URLs of its issuer's certificate."""
        found = []
        for part in self._parts(ACCESS):
            if len(part.parts) == 2 and part.parts[1].tag == URI and _oid(part.parts[0]) == ISSUERS:
                found.append(printable(part.parts[1].content.decode(errors="replace"))[:300])
        return found

    @property
    def must_staple(self) -> bool:
        """Whether it has the TLS feature status_request (RFC 7633)."""
        return any(part.tag == ber.INTEGER and part.content == STATUS_REQUEST for part in self._parts(TLS_FEATURE))

    @property
    def role(self) -> str | None:
        """The content of its role extension, "" if it cannot be read; None without one (S14)."""
        extension = self.extensions.get(ROLE_OID.dotted_string)
        if extension is None:
            return None
        try:
            return printable(octet_string_content(extension.value).decode("ascii"))[:40]
        except ValueError:
            return ""

    @property
    def is_weakly_signed(self) -> bool:
        return self.hash_name in WEAK_HASHES

    @property
    def is_self_signed(self) -> bool:
        return comes_from(self, self)

    def is_valid(self, now: datetime) -> bool:
        return self.not_before <= now <= self.not_after

    def _value(self, oid: str) -> Element | None:
        try:
            return ber.first(self.extensions[oid].value)
        except (KeyError, ValueError):
            return None

    def _parts(self, oid: str) -> tuple[Element, ...]:
        value = self._value(oid)
        return value.parts if value else ()


def _oid(element: Element) -> str:
    try:
        return element.oid
    except ValueError:
        return ""


def loaded(content: bytes) -> ForeignCertificate:
    """A certificate in DER, or in BER. Raises: PKIError."""
    try:
        return _loaded(content)
    except (ValueError, IndexError, OverflowError) as exc:
        raise PKIError("This certificate is damaged, or in a format that browsers do not read either.") from exc


def from_pem(content: bytes) -> ForeignCertificate:
    """The first certificate of a PEM text. Raises: PKIError."""
    try:
        return loaded(ber.pem_content(content, "CERTIFICATE"))
    except ValueError as exc:
        raise PKIError("This is not a certificate in PEM.") from exc


def from_x509(certificate: x509.Certificate) -> ForeignCertificate:
    return loaded(certificate.public_bytes(Encoding.DER))


def _loaded(content: bytes) -> ForeignCertificate:
    whole_certificate = ber.first(content)
    signed, algorithm, signature = whole_certificate.parts[:3]
    fields = list(signed.parts)
    if fields[0].tag == 0xA0 and fields.pop(0).parts[0].number > VERSION_3:  # version 1 is left out
        raise ValueError("a version that browsers do not read")
    _serial, _algorithm, issuer, validity, subject, key = fields[:6]
    if any(element.tag != ber.SEQUENCE for element in (whole_certificate, signed, algorithm, issuer, validity, subject, key)):
        raise ValueError("no certificate")
    before, after = validity.parts[:2]
    return ForeignCertificate(
        der=whole_certificate.raw, subject=name_of(subject), issuer=name_of(issuer), not_before=_moment(before), not_after=_moment(after),
        key=public_key(key.raw), hash_name=_hash_name(algorithm), extensions=_extensions(fields[6:]),
        signed=(signed.raw, algorithm, signature.content[1:]),
    )  # fmt: skip


def _moment(time: Element) -> datetime:
    """A UTCTime or GeneralizedTime (RFC 5280 4.1.2.5), also without seconds or with an offset. Raises: ValueError."""
    text = time.content.decode("ascii").strip()
    if time.tag == 0x17:
        text = ("19" if text[:2] >= "50" else "20") + text
    elif time.tag != 0x18:
        raise ValueError("no time")
    plain, offset = text.removesuffix("Z"), timedelta()
    if len(plain) > 5 and plain[-5] in "+-":
        offset = timedelta(hours=int(plain[-4:-2]), minutes=int(plain[-2:])) * (-1 if plain[-5] == "-" else 1)
        plain = plain[:-5]
    plain = plain.partition(".")[0]
    if not plain.isdigit() or len(plain) not in (12, 14):
        raise ValueError("no time")
    numbers = [int(plain[:4]), *(int(plain[at : at + 2]) for at in range(4, len(plain), 2))]
    return datetime(*numbers, tzinfo=UTC) - offset  # type: ignore[misc,arg-type]


def _extensions(fields: list[Element]) -> dict[str, Extension]:
    found: dict[str, Extension] = {}
    for held in (tagged.parts[0] for tagged in fields if tagged.tag == 0xA3 and tagged.parts):
        for part in held.parts:
            critical = len(part.parts) > 2 and part.parts[1].content != b"\0"
            found.setdefault(part.parts[0].oid, Extension(critical, part.parts[-1].octets))
    return found


def _hash_name(algorithm: Element) -> str:
    """The hash of a signature, "" without one (Ed25519) or if it is unknown."""
    used = algorithm.parts[0].oid
    if used != RSA_PSS:
        return SIGNED_WITH.get(used, ("", None))[0]
    parameters = algorithm.parts[1].parts if len(algorithm.parts) > 1 else ()
    named = next(
        (parameter.parts[0].parts[0].oid for parameter in parameters if parameter.tag == 0xA0), "1.3.14.3.2.26"
    )  # RFC 4055: SHA-1 if absent
    return HASHES.get(named, "")


def comes_from(certificate: ForeignCertificate, issuer: ForeignCertificate) -> bool:
    """Whether `issuer` signed it. A signature that cannot be verified here (SHA-1, PSS, unknown types) is accepted if the names match:
    OpenSSL decides later, and its reason can be shown then."""
    if certificate.issuer.canonical != issuer.subject.canonical:
        return False
    signed, algorithm, signature = certificate.signed
    used = algorithm.parts[0].oid
    name, method = SIGNED_WITH.get(used, ("", None))
    try:
        key = tried(lambda: load_der_public_key(issuer.key.spki))
        if isinstance(key, rsa.RSAPublicKey) and method and name not in WEAK_HASHES:
            key.verify(signature, signed, padding.PKCS1v15(), method)
        elif isinstance(key, ec.EllipticCurvePublicKey) and method and name not in WEAK_HASHES:
            key.verify(signature, signed, ec.ECDSA(method))
        elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(signature, signed)
    except InvalidSignature:
        return False
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return True
    return True


def covers(certificate: ForeignCertificate, name: str) -> bool:
    """Whether browsers accept the certificate for `name`, a host name or an IP address (RFC 9525 section 6.3)."""
    names = {dns_name.lower() for dns_name in certificate.dns_names}
    try:
        return str(ipaddress.ip_address(name)) in certificate.addresses
    except ValueError:
        host = name.lower().removesuffix(".")
    rest = host.partition(".")[2]
    # A wildcard matches exactly one label, and browsers refuse it directly below a top-level domain.
    return host in names or ("." in rest and f"*.{rest}" in names)
