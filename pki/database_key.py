"""The key of the encrypted database fields, carried in service certificates for their owner alone (S15, S16)."""

import hmac
import secrets
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from pki.errors import ExtensionMissing, UnknownAlgorithm, UnwrapFailed
from pki.keys import PrivateKey, PublicKey
from pki.roles import extension_value, octet_string, octet_string_content

KEY_OID = x509.ObjectIdentifier("1.3.6.1.5.5.7.13.1")
ALGORITHM_OID = x509.ObjectIdentifier("1.3.6.1.5.5.7.13.2")
ALGORITHM = "AES-256-GCM"
OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)


@dataclass(frozen=True)
class DatabaseKey:
    """32 random bytes and the algorithm that uses them."""

    key: bytes = field(repr=False)
    algorithm: str = ALGORITHM

    @property
    def key_id(self) -> bytes:
        """The first 8 bytes of HMAC-SHA256(key, "qmc-key-id"): names the key without telling it."""
        return hmac.digest(self.key, b"qmc-key-id", "sha256")[:8]

    @classmethod
    def generate(cls) -> "DatabaseKey":
        return cls(secrets.token_bytes(32))


def extensions(database_key: DatabaseKey, public_key: PublicKey) -> tuple[x509.UnrecognizedExtension, x509.UnrecognizedExtension]:
    """Key and algorithm, each RSA-OAEP(SHA-256) to `public_key` in a DER OCTET STRING. Raises: UnwrapFailed for a non-RSA key."""
    if not isinstance(public_key, rsa.RSAPublicKey):
        raise UnwrapFailed("A service certificate needs an RSA key: the database key is encrypted to it.")
    wrapped, algorithm = (
        octet_string(public_key.encrypt(content, OAEP)) for content in (database_key.key, database_key.algorithm.encode())
    )
    return x509.UnrecognizedExtension(KEY_OID, wrapped), x509.UnrecognizedExtension(ALGORITHM_OID, algorithm)


def _opened(certificate: x509.Certificate, oid: x509.ObjectIdentifier, private_key: rsa.RSAPrivateKey) -> bytes:
    name = certificate.subject.rfc4514_string()
    value = extension_value(certificate, oid)
    if value is None:
        raise ExtensionMissing(f"The service certificate of {name} carries no database key ({oid.dotted_string}). Redistribute the node.")
    try:
        wrapped = octet_string_content(value)
    except ValueError as exc:
        raise ExtensionMissing(f"Extension {oid.dotted_string} of {name} is broken. Redistribute the node.") from exc
    try:
        return private_key.decrypt(wrapped, OAEP)
    except ValueError as exc:
        raise UnwrapFailed(f"The private key does not open {oid.dotted_string} of {name}: it belongs to another certificate.") from exc


def read(certificate: x509.Certificate, private_key: PrivateKey) -> DatabaseKey:
    """The database key out of a service certificate. Raises: ExtensionMissing, UnwrapFailed, UnknownAlgorithm."""
    if not isinstance(private_key, rsa.RSAPrivateKey):
        raise UnwrapFailed("The database key opens with an RSA key only.")
    algorithm = _opened(certificate, ALGORITHM_OID, private_key)
    key = _opened(certificate, KEY_OID, private_key)
    if algorithm != ALGORITHM.encode() or len(key) != 32:
        raise UnknownAlgorithm(f"The certificate names the algorithm {algorithm[:20]!r}; only {ALGORITHM} is known. Update this node.")
    return DatabaseKey(key)
