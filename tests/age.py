"""Files of age (https://age-encryption.org/v1) under a passphrase, made at once: pyrage derives the key of each file for a second, and so does each reader."""

import base64
import hmac
import os

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from backups.archive import Archive, pack

VERSION = b"age-encryption.org/v1"
WORK = 2  # log2 of scrypt's N; age itself takes 18 and more
CHUNK = 64 * 1024


def _text(content: bytes) -> bytes:
    return base64.b64encode(content).rstrip(b"=")


def _derived(key: bytes, salt: bytes | None, info: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt, info).derive(key)


def encrypted(content: bytes, passphrase: str) -> bytes:
    """`content` as age encrypts it, with the least work."""
    file_key, salt, nonce = os.urandom(16), os.urandom(16), os.urandom(16)
    wrapping = Scrypt(VERSION + b"/scrypt" + salt, 32, 2**WORK, 8, 1).derive(passphrase.encode())
    wrapped = ChaCha20Poly1305(wrapping).encrypt(bytes(12), file_key, None)
    header = b"%s\n-> scrypt %s %d\n%s\n---" % (VERSION, _text(salt), WORK, _text(wrapped))
    mac = hmac.digest(_derived(file_key, None, b"header"), header, "sha256")
    payload, last = ChaCha20Poly1305(_derived(file_key, nonce, b"payload")), max(len(content) - 1, 0) // CHUNK
    chunks = (
        payload.encrypt(number.to_bytes(11, "big") + bytes([number == last]), content[number * CHUNK : (number + 1) * CHUNK], None)
        for number in range(last + 1)
    )
    return b"%s %s\n%s%s" % (header, _text(mac), nonce, b"".join(chunks))


def sealed_at_once(archive: Archive, passphrase: str) -> bytes:
    """The file of a backup."""
    return encrypted(pack(archive), passphrase)
