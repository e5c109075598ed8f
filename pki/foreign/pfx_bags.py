"""Reads the certificates and keys of a PKCS #12 file from its bags, one by one (RFC 7292).

The library opens most files. It fails if one of the certificates is not strict DER. This module then decrypts the bags with the ciphers of the
library. The library supports RC2, which Windows used for certificates until 2016, in whole files only.
"""

import hashlib
import hmac
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from pki.core import ber
from pki.core.ber import Element

DATA, ENCRYPTED_DATA = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.6"
BAGS = "1.2.840.113549.1.12.10.1."
KEY_BAG, SHROUDED_KEY_BAG, CERTIFICATE_BAG, NESTED_BAG = (BAGS + number for number in "1236")
PBES2, PBKDF2, TRIPLE_DES_OF_OLD = "1.2.840.113549.1.5.13", "1.2.840.113549.1.5.12", "1.2.840.113549.1.12.1.3"
CIPHERS = {
    "2.16.840.1.101.3.4.1.2": (AES, 16),
    "2.16.840.1.101.3.4.1.22": (AES, 24),
    "2.16.840.1.101.3.4.1.42": (AES, 32),
    "1.2.840.113549.3.7": (TripleDES, 24),
}
HMACS = {"1.2.840.113549.2.7": "sha1", "1.2.840.113549.2.8": "sha224", "1.2.840.113549.2.9": "sha256", "1.2.840.113549.2.10": "sha384",
         "1.2.840.113549.2.11": "sha512"}  # fmt: skip
HASHES = {"1.3.14.3.2.26": "sha1", "2.16.840.1.101.3.4.2.4": "sha224", "2.16.840.1.101.3.4.2.1": "sha256", "2.16.840.1.101.3.4.2.2": "sha384",
          "2.16.840.1.101.3.4.2.3": "sha512"}  # fmt: skip
MAC_KEY, CIPHER_KEY, VECTOR = 3, 1, 2  # what the derivation of RFC 7292, appendix B, makes


@dataclass
class Bags:
    """DER of the certificates, and of the unencrypted PKCS #8 keys."""

    certificates: list[bytes] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list, repr=False)


def opened(pfx: bytes, passphrase: str) -> Bags:
    """The content of the file. Raises: ValueError (wrong passphrase, or damaged), IndexError, KeyError, UnsupportedAlgorithm."""
    parts = ber.first(pfx).parts
    content = _octets(parts[1], DATA)
    wide = _wide_of(parts[2] if len(parts) > 2 else None, content, passphrase)
    found = Bags()
    for part in ber.first(content).parts:
        _take(ber.first(_content(part, passphrase.encode(), wide)), found, passphrase.encode(), wide)
    return found


def _octets(content_info: Element, kind: str) -> bytes:
    if content_info.parts[0].oid != kind:
        raise UnsupportedAlgorithm("content of another type")
    return content_info.parts[1].parts[0].octets


def _content(content_info: Element, passphrase: bytes, wide: bytes) -> bytes:
    if content_info.parts[0].oid != ENCRYPTED_DATA:
        return _octets(content_info, DATA)
    _, algorithm, sealed = content_info.parts[1].parts[0].parts[1].parts
    return _decrypted(algorithm, sealed.octets, passphrase, wide)


def _take(bags: Element, found: Bags, passphrase: bytes, wide: bytes) -> None:
    for bag in bags.parts:
        kind, held = bag.parts[0].oid, bag.parts[1].parts[0]
        if kind == CERTIFICATE_BAG:
            found.certificates.append(held.parts[1].parts[0].octets)
        elif kind == KEY_BAG:
            found.keys.append(held.raw)
        elif kind == SHROUDED_KEY_BAG:
            found.keys.append(_decrypted(held.parts[0], held.parts[1].octets, passphrase, wide))
        elif kind == NESTED_BAG:
            _take(held, found, passphrase, wide)


def _wide_of(mac: Element | None, content: bytes, passphrase: str) -> bytes:
    """The passphrase in the encoding of PKCS #12: UTF-16 with a zero at the end. Some programs encode an empty one as no bytes.

    Raises: ValueError if it does not match the MAC of the file.
    """
    wide = passphrase.encode("utf-16-be", "replace") + b"\0\0"
    if mac is None or (method := HASHES.get(mac.parts[0].parts[0].parts[0].oid)) is None:
        return wide
    rounds = mac.parts[2].number if len(mac.parts) > 2 else 1
    for encoded in (wide,) if passphrase else (wide, b""):
        key = _derived(encoded, mac.parts[1].octets, rounds, MAC_KEY, hashlib.new(method).digest_size, method)
        if hmac.compare_digest(hmac.digest(key, content, method), mac.parts[0].parts[1].octets):
            return encoded
    raise ValueError("the passphrase is another one, or the file is damaged")


def _decrypted(algorithm: Element, sealed: bytes, passphrase: bytes, wide: bytes) -> bytes:
    kind = algorithm.parts[0].oid
    if kind == PBES2:
        derivation, scheme = algorithm.parts[1].parts
        if derivation.parts[0].oid != PBKDF2 or scheme.parts[0].oid not in CIPHERS:
            raise UnsupportedAlgorithm("another cipher or derivation")
        salt, rounds, *rest = derivation.parts[1].parts
        method = next((HMACS[element.parts[0].oid] for element in rest if element.tag == ber.SEQUENCE), "sha1")
        cipher, length = CIPHERS[scheme.parts[0].oid]
        key, vector = hashlib.pbkdf2_hmac(method, passphrase, salt.octets, rounds.number, length), scheme.parts[1].octets
    elif kind == TRIPLE_DES_OF_OLD:
        salt, rounds = algorithm.parts[1].parts
        cipher = TripleDES
        key, vector = (_derived(wide, salt.octets, rounds.number, use, size, "sha1") for use, size in ((CIPHER_KEY, 24), (VECTOR, 8)))
    else:
        raise UnsupportedAlgorithm("another cipher")
    decryptor = Cipher(cipher(key), CBC(vector)).decryptor()
    padded = decryptor.update(sealed) + decryptor.finalize()
    if not padded or not 1 <= padded[-1] <= len(vector) or padded[-padded[-1] :] != padded[-1:] * padded[-1]:
        raise ValueError("the passphrase is another one")
    return padded[: -padded[-1]]


def _blocks(of: bytes, size: int) -> bytes:
    """`of`, repeated to the next multiple of `size`."""
    return (of * size)[: -(-len(of) // size) * size]


def _derived(wide: bytes, salt: bytes, rounds: int, use: int, length: int, method: str) -> bytes:
    """RFC 7292, appendix B.2."""
    size = hashlib.new(method).block_size
    held, made = _blocks(salt, size) + _blocks(wide, size), b""
    while len(made) < length:
        digest = hashlib.new(method, bytes([use]) * size + held).digest()
        for _ in range(rounds - 1):
            digest = hashlib.new(method, digest).digest()
        made += digest
        added = int.from_bytes((digest * size)[:size]) + 1
        held = b"".join(_added(held[at : at + size], added) for at in range(0, len(held), size))
    return made[:length]


def _added(block: bytes, number: int) -> bytes:
    return ((int.from_bytes(block) + number) % (1 << 8 * len(block))).to_bytes(len(block))
