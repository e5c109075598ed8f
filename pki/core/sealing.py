"""Sealed values: key id ‖ nonce ‖ AES-256-GCM ciphertext, bound to their table, column and row."""

import functools
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pki.core.errors import Altered, UnknownKey

KEY_BYTES, KEY_ID_BYTES, NONCE_BYTES, TAG_BYTES = 32, 8, 12, 16


@dataclass(frozen=True)
class SealingKey:
    """A key of 32 random bytes that encrypts values."""

    key: bytes = field(repr=False)

    @functools.cached_property
    def key_id(self) -> bytes:
        """The first 8 bytes of HMAC-SHA256(key, "qmc-key-id"): names the key and reveals nothing about it."""
        return hmac.digest(self.key, b"qmc-key-id", "sha256")[:KEY_ID_BYTES]

    @classmethod
    def generate(cls) -> Self:
        return cls(secrets.token_bytes(KEY_BYTES))


def bound_to(table: str, column: str, row_id: str) -> bytes:
    """The associated data: table NUL column NUL row id, UTF-8."""
    return "\0".join((table, column, row_id)).encode()


def challenge_for(node: str) -> bytes:
    """The associated data of a heartbeat's challenge for `node`."""
    return bound_to("heartbeat", "challenge", node)


def seal(key: SealingKey, plaintext: bytes, *, bound_to: bytes) -> bytes:
    """Encrypt `plaintext` with a new nonce. Decryption needs the same `bound_to`."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return key.key_id + nonce + AESGCM(key.key).encrypt(nonce, plaintext, bound_to)


def key_id_of(sealed: bytes) -> bytes:
    return sealed[:KEY_ID_BYTES]


def unseal(keys: Iterable[SealingKey], sealed: bytes, *, bound_to: bytes) -> bytes:
    """Decrypt a value. Raises: UnknownKey (none of `keys` sealed it), Altered (changed, shortened, or moved from another row)."""
    if len(sealed) < KEY_ID_BYTES + NONCE_BYTES + TAG_BYTES:
        raise Altered("The sealed value is incomplete.")
    key = next((key for key in keys if key.key_id == key_id_of(sealed)), None)
    if key is None:
        raise UnknownKey(f"Sealed with the key {key_id_of(sealed).hex()}, which is not available here.")
    nonce, ciphertext = sealed[KEY_ID_BYTES : KEY_ID_BYTES + NONCE_BYTES], sealed[KEY_ID_BYTES + NONCE_BYTES :]
    try:
        return AESGCM(key.key).decrypt(nonce, ciphertext, bound_to)
    except InvalidTag as exc:
        raise Altered("The sealed value was altered, or belongs to another row.") from exc
