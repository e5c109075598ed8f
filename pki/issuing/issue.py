"""Issuing certificates in two steps: `prepare` checks and lints a request, and only its result can be signed."""

import functools
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pki.core import database_key as dbk
from pki.core import keys, names
from pki.core.clocks import BACKDATE
from pki.core.errors import LintError, ProfileError
from pki.core.keys import KeyType, PrivateKey, PublicKey
from pki.core.lifetime import Validity, validity
from pki.core.roles import Kind, role_extension
from pki.issuing.lint import lint
from pki.issuing.profiles import PROFILES, Profile

_PREPARED = object()
SHORTEST_RSA_KEY = 2048


@dataclass(frozen=True)
class Request:
    """A request for a certificate. `months` is the lifetime; a service certificate has the `database_key` under `database_key_oids`.

    A node's service certificate needs the key. The one of an export (`is_export`) may be without it.
    """

    kind: Kind
    common_name: str
    subject_alternative_names: tuple[str, ...]
    public_key: PublicKey
    months: int
    database_key: dbk.DatabaseKey | None = None
    database_key_oids: dbk.Oids = dbk.PRESCRIBED
    is_export: bool = False


@dataclass(frozen=True)
class Issuer:
    """A root certificate with its private key."""

    certificate: x509.Certificate
    private_key: PrivateKey = field(repr=False)


@dataclass(frozen=True)
class Plan:
    """A checked and linted certificate, ready to be recorded and then signed."""

    kind: Kind
    serial: int
    validity: Validity
    subject: x509.Name
    subject_alternative_names: tuple[str, ...]
    public_key: PublicKey
    request: Request
    builder: x509.CertificateBuilder = field(repr=False)
    issuer_public_key: PublicKey = field(repr=False)
    made_by: object = field(repr=False, default=None)

    def __post_init__(self) -> None:
        if self.made_by is not _PREPARED:
            raise ProfileError("only prepare() creates a plan")


def root_name(central_host: str, number: int = 1) -> str:
    """`<host>-CA`, and `<host>-CA-2` … for its successors."""
    return f"{central_host}-CA" + (f"-{number}" if number > 1 else "")


def _serial() -> int:
    """16 random bytes, positive and of full length (RFC 5280 4.1.2.2)."""
    raw = bytearray(secrets.token_bytes(16))
    raw[0] = raw[0] & 0x7F | 0x40
    return int.from_bytes(raw, "big")


def _check(profile: Profile, request: Request) -> None:
    if profile.carries_names:
        names.host_name(request.common_name)
    elif request.subject_alternative_names:
        raise ProfileError(f"a {profile.kind} certificate has no further names")
    carried, may_lack = request.database_key is not None, request.is_export and profile.carries_database_key
    if profile.carries_database_key != carried and not may_lack:
        raise ProfileError(f"a {profile.kind} certificate {'needs a' if profile.carries_database_key else 'has no'} database key")
    if profile.carries_database_key and not isinstance(request.public_key, rsa.RSAPublicKey):
        raise ProfileError(f"a {profile.kind} certificate needs an RSA key")
    if isinstance(request.public_key, rsa.RSAPublicKey) and request.public_key.key_size < SHORTEST_RSA_KEY:
        raise ProfileError(f"an RSA key needs at least {SHORTEST_RSA_KEY} bits")
    if len(request.common_name) > names.LONGEST_NAME:
        raise ProfileError(f"the common name {request.common_name} is too long")


def _alternative_names(profile: Profile, request: Request) -> tuple[str, ...]:
    """The common name first, each name once."""
    if not profile.carries_names:
        return ()
    requested = (request.common_name, *request.subject_alternative_names)
    once: dict[str, str] = {}  # DNS names are case-insensitive (RFC 4343)
    for name in names.san_strings(names.subject_alternative_name(name) for name in requested):
        once.setdefault(name.lower(), name)
    return tuple(once.values())


def _key_usage(profile: Profile, public_key: PublicKey) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not profile.is_ca,
        content_commitment=False,
        key_encipherment=profile.key_encipherment and isinstance(public_key, rsa.RSAPublicKey),
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=profile.is_ca,
        crl_sign=profile.is_ca,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(
    profile: Profile, request: Request, issuer: x509.Certificate | None, span: Validity, alternative_names: tuple[str, ...]
) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, request.common_name)])
    issuer_key = issuer.public_key() if issuer else request.public_key
    assert isinstance(issuer_key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    builder = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer.subject if issuer else subject)
        .public_key(request.public_key)
        .serial_number(_serial())
        .not_valid_before(span.not_before)
        .not_valid_after(span.not_after)
        .add_extension(x509.BasicConstraints(ca=profile.is_ca, path_length=0 if profile.is_ca else None), critical=True)
        .add_extension(_key_usage(profile, request.public_key), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(request.public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )
    optional: list[x509.ExtensionType] = []
    if profile.extended_key_usages:
        optional.append(x509.ExtendedKeyUsage(profile.extended_key_usages))
    if alternative_names:
        optional.append(x509.SubjectAlternativeName([names.subject_alternative_name(name) for name in alternative_names]))
    if profile.role:
        optional.append(role_extension(profile.role))
    if request.database_key:
        optional.extend(dbk.extensions(request.database_key, request.public_key, request.database_key_oids))
    return functools.reduce(lambda made, extension: made.add_extension(extension, critical=False), optional, builder)


@functools.lru_cache(maxsize=4)
def _temporary_key(key_type: str) -> PrivateKey:
    return keys.generate(KeyType(key_type))


def prepare(request: Request, *, issuer_certificate: x509.Certificate | None, now: datetime, backdate: timedelta = BACKDATE) -> Plan:
    """Check `request` against its profile and lint a copy that a temporary key signed, as Boulder does.

    `issuer_certificate` None makes a root. Raises: ProfileError, InvalidName, LintError.
    """
    profile = PROFILES[request.kind]
    _check(profile, request)
    if profile.is_ca != (issuer_certificate is None):
        raise ProfileError("a root issues itself, and all other certificates need a root")
    end = issuer_certificate.not_valid_after_utc if issuer_certificate else None
    span = validity(now=now, months=request.months, issuer_not_after=end, backdate=backdate)
    if span.not_after <= now:
        raise ProfileError("The root certificate has expired. Recreate it before you issue certificates.")
    alternative_names = _alternative_names(profile, request)
    builder = _builder(profile, request, issuer_certificate, span, alternative_names)
    issuer_key = issuer_certificate.public_key() if issuer_certificate else request.public_key
    assert isinstance(issuer_key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    copy = builder.sign(_temporary_key(keys.key_type_of(issuer_key)), keys.hash_for(issuer_key))
    findings = lint(copy.public_bytes(Encoding.DER))
    if findings:
        raise LintError(findings)
    return Plan(
        request.kind, copy.serial_number, span, copy.subject, alternative_names, request.public_key, request, builder, issuer_key, _PREPARED
    )


def sign(plan: Plan, private_key: PrivateKey) -> bytes:
    """The certificate as DER, signed by the issuer's `private_key`. Raises: ProfileError for any other key."""
    if private_key.public_key() != plan.issuer_public_key:
        raise ProfileError("this private key does not belong to the issuer for which the certificate was prepared")
    return plan.builder.sign(private_key, keys.hash_for(private_key.public_key())).public_bytes(Encoding.DER)


def pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)
