"""The database key in service certificates, encrypted to the owner of each certificate (S15, S16)."""

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from pki.core.errors import ExtensionMissing, ProfileError, UnknownAlgorithm, UnwrapFailed
from pki.core.keys import PrivateKey, PublicKey
from pki.core.roles import ROLE_OID, extension_value, octet_string, octet_string_content
from pki.core.sealing import KEY_BYTES, SealingKey

ALGORITHM = "AES-256-GCM"
OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)


@dataclass(frozen=True)
class Oids:
    """The extensions of a site's service certificates for the database key and its algorithm."""

    key: x509.ObjectIdentifier
    algorithm: x509.ObjectIdentifier

    @classmethod
    def parse(cls, key: str, algorithm: str) -> "Oids":
        """From dotted text. Raises: ProfileError if one is not an OID, or is in use for something else."""
        try:
            oids = cls(x509.ObjectIdentifier(key), x509.ObjectIdentifier(algorithm))
        except ValueError as exc:
            raise ProfileError(f"{key} or {algorithm} is not an object identifier. Give two, such as 1.3.6.1.5.5.7.13.1.") from exc
        if oids.key == oids.algorithm or ROLE_OID in (oids.key, oids.algorithm) or any(text.startswith("2.5.29.") for text in oids.texts()):
            raise ProfileError("The database key and its algorithm need an OID each that nothing else uses. Give two other OIDs.")
        return oids

    def texts(self) -> tuple[str, str]:
        return self.key.dotted_string, self.algorithm.dotted_string


PRESCRIBED = Oids(x509.ObjectIdentifier("1.3.6.1.5.5.7.13.1"), x509.ObjectIdentifier("1.3.6.1.5.5.7.13.2"))


@dataclass(frozen=True)
class DatabaseKey(SealingKey):
    """The database key and its algorithm."""

    algorithm: str = ALGORITHM


def extensions(
    database_key: DatabaseKey, public_key: PublicKey, oids: Oids = PRESCRIBED
) -> tuple[x509.UnrecognizedExtension, x509.UnrecognizedExtension]:
    """Key and algorithm, each RSA-OAEP(SHA-256) to `public_key` in a DER OCTET STRING. Raises: UnwrapFailed for a non-RSA key."""
    if not isinstance(public_key, rsa.RSAPublicKey):
        raise UnwrapFailed("A service certificate needs an RSA key: the database key is encrypted to it.")
    wrapped, algorithm = (
        octet_string(public_key.encrypt(content, OAEP)) for content in (database_key.key, database_key.algorithm.encode())
    )
    return x509.UnrecognizedExtension(oids.key, wrapped), x509.UnrecognizedExtension(oids.algorithm, algorithm)


def _opened(certificate: x509.Certificate, oid: x509.ObjectIdentifier, private_key: rsa.RSAPrivateKey) -> bytes:
    name = certificate.subject.rfc4514_string()
    value = extension_value(certificate, oid)
    if value is None:
        raise ExtensionMissing(f"The service certificate of {name} carries no database key ({oid.dotted_string}). Redistribute the node.")
    try:
        wrapped = octet_string_content(value)
    except ValueError as exc:
        raise ExtensionMissing(f"Extension {oid.dotted_string} of {name} is damaged. Redistribute the node.") from exc
    try:
        return private_key.decrypt(wrapped, OAEP)
    except ValueError as exc:
        raise UnwrapFailed(
            f"The private key does not decrypt {oid.dotted_string} of {name}, because it belongs to another certificate. Redistribute the node."
        ) from exc


def read(certificate: x509.Certificate, private_key: PrivateKey, oids: Oids = PRESCRIBED) -> DatabaseKey:
    """The database key from a service certificate. Raises: ExtensionMissing, UnwrapFailed, UnknownAlgorithm."""
    if not isinstance(private_key, rsa.RSAPrivateKey):
        name = certificate.subject.rfc4514_string()
        raise UnwrapFailed(
            f"The private key of {name} is not an RSA key, and only an RSA key decrypts the database key. Redistribute the node."
        )
    algorithm = _opened(certificate, oids.algorithm, private_key)
    key = _opened(certificate, oids.key, private_key)
    if algorithm != ALGORITHM.encode() or len(key) != KEY_BYTES:
        name = certificate.subject.rfc4514_string()
        raise UnknownAlgorithm(
            f"The certificate of {name} names the algorithm {algorithm[:20]!r}; only {ALGORITHM} is known. Update this node."
        )
    return DatabaseKey(key)
