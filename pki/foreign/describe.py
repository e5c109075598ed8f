"""The fields and extensions of a certificate as text, for a person."""

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from pki.core import clocks
from pki.core.database_key import Oids
from pki.core.keys import key_type_of
from pki.core.roles import ROLE_OID, role_of
from pki.core.verify import fingerprint

USAGES = {
    "digital_signature": "digital signature",
    "key_encipherment": "key encipherment",
    "key_cert_sign": "certificate signing",
    "crl_sign": "CRL signing",
}
PURPOSES = {"serverAuth": "answers as a server", "clientAuth": "calls as a client"}


def _extension(certificate: x509.Certificate, extension: x509.Extension[x509.ExtensionType], oids: Oids) -> tuple[str, str]:
    value, mark = extension.value, " (critical)" if extension.critical else ""
    match value:
        case x509.BasicConstraints():
            return "Basic constraints" + mark, "certificate authority" if value.ca else "not a certificate authority"
        case x509.KeyUsage():
            return "Key usage" + mark, ", ".join(text for name, text in USAGES.items() if getattr(value, name))
        case x509.ExtendedKeyUsage():
            return "Extended key usage" + mark, ", ".join(PURPOSES.get(oid._name, oid.dotted_string) for oid in value)
        case x509.SubjectAlternativeName():
            return "Subject alternative names" + mark, ", ".join(str(name.value) for name in value)
        case x509.SubjectKeyIdentifier():
            return "Subject key identifier" + mark, value.digest.hex()
        case x509.AuthorityKeyIdentifier():
            return "Authority key identifier" + mark, (value.key_identifier or b"").hex()
    if extension.oid == ROLE_OID:
        return f"Trust zone role ({ROLE_OID.dotted_string})" + mark, role_of(certificate) or "unknown"
    if extension.oid in (oids.key, oids.algorithm):
        what = "Database key" if extension.oid == oids.key else "Algorithm of the database key"
        return f"{what} ({extension.oid.dotted_string})" + mark, "encrypted, readable only by the owner of this certificate"
    return extension.oid.dotted_string + mark, "unknown"


def describe(certificate: x509.Certificate, oids: Oids) -> list[tuple[str, str]]:
    """Fields and decoded extensions as (name, text), the most interesting first."""
    public_key = certificate.public_key()
    key_type = (
        key_type_of(public_key) if isinstance(public_key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) else type(public_key).__name__
    )
    rows = [
        ("Subject", certificate.subject.rfc4514_string()),
        ("Issuer", certificate.issuer.rfc4514_string()),
        ("Serial", f"{certificate.serial_number:x}"),
        ("Not before", clocks.exact(certificate.not_valid_before_utc)),
        ("Not after", clocks.exact(certificate.not_valid_after_utc)),
        ("Key", key_type),
        ("Fingerprint (SHA-256)", fingerprint(certificate)),
    ]
    return rows + [_extension(certificate, extension, oids) for extension in certificate.extensions]
