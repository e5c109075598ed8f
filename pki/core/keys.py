"""Private keys: generating, writing and reading them."""

from enum import StrEnum

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from pki.core.errors import PKIError
from pki.core.roles import Kind

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
OwnKey = PrivateKey | ed25519.Ed25519PrivateKey  # that of the audit log's checkpoints has no certificate


class KeyType(StrEnum):
    EC_P256 = "EC P-256"
    EC_P384 = "EC P-384"
    RSA_2048 = "RSA-2048"
    RSA_3072 = "RSA-3072"
    RSA_4096 = "RSA-4096"


DEFAULT_KEY_TYPES: dict[Kind, KeyType] = {
    Kind.ROOT: KeyType.EC_P384,
    Kind.SERVICE: KeyType.RSA_3072,  # it must decrypt the database key
    Kind.CLIENT: KeyType.EC_P256,
    Kind.CLUSTER: KeyType.RSA_3072,
    Kind.SERVER: KeyType.RSA_3072,
}
CURVES: dict[KeyType, ec.EllipticCurve] = {KeyType.EC_P256: ec.SECP256R1(), KeyType.EC_P384: ec.SECP384R1()}


def generate(key_type: KeyType) -> PrivateKey:
    """A fresh random key."""
    if key_type in CURVES:
        return ec.generate_private_key(CURVES[key_type])
    return rsa.generate_private_key(public_exponent=65537, key_size=int(key_type.removeprefix("RSA-")))


def key_type_of(public_key: PublicKey) -> str:
    """The key's type in words, such as "RSA-3072" or "EC P-256"."""
    if isinstance(public_key, rsa.RSAPublicKey):
        return f"RSA-{public_key.key_size}"
    return f"EC P-{public_key.curve.key_size}"


def to_pem(key: PrivateKey) -> bytes:
    """Unencrypted PKCS#8, for an encrypted field or a file of mode 0600."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def to_encrypted_pem(key: OwnKey, passphrase: bytes) -> bytes:
    """PKCS#8 under `passphrase` (RFC 5958, PBES2)."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase))


def from_pem(pem: bytes, passphrase: bytes | None = None, *, own: bool = False) -> PrivateKey:
    """Raises: PKIError if it is not an RSA or EC key, or the passphrase is wrong.

    `own` skips OpenSSL's check of an RSA key's primes (0.2 s). Only for keys that this program made, from an encrypted field or its own store.
    """
    try:
        key = load_pem_private_key(pem, passphrase, unsafe_skip_rsa_key_validation=own)
    except (ValueError, TypeError) as exc:
        raise PKIError("The private key cannot be read: wrong passphrase, or not a PEM key.") from exc
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise PKIError(f"{type(key).__name__} keys are not supported. Use RSA or EC.")
    return key


def ed25519_from_pem(pem: bytes, passphrase: bytes) -> ed25519.Ed25519PrivateKey:
    """The key of `to_encrypted_pem`. Raises: PKIError if it is not an Ed25519 key, or the passphrase is wrong."""
    try:
        key = load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError) as exc:
        raise PKIError("The private key cannot be read: wrong passphrase, or not a PEM key.") from exc
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise PKIError(f"{type(key).__name__} is not an Ed25519 key.")
    return key


def hash_for(key: PublicKey) -> hashes.SHA256 | hashes.SHA384:
    """The hash for signatures with `key`."""
    is_384 = isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size == 384
    return hashes.SHA384() if is_384 else hashes.SHA256()
