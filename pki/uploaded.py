"""Certificate files as people have them: PFX, PEM or DER, together or apart, read into certificates and private keys.

A text is read whatever its line ends and its byte order mark; DER where PEM was expected, and the other way round, simply works.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key, load_pem_private_key, pkcs12

from pki import ber, derivation, foreign
from pki.errors import PKIError, UploadRefused
from pki.foreign import ForeignCertificate

LARGEST_BYTES, LARGEST_KEY, MOST_KEYS = 256 * 1024, 6 * 1024, 5
EDGE = re.compile(rb"-----(BEGIN|END) ([A-Z0-9 ]{1,40})-----")
CERTIFICATES = {b"CERTIFICATE", b"X509 CERTIFICATE"}
TRADITIONAL = {b"RSA PRIVATE KEY", b"EC PRIVATE KEY", b"DSA PRIVATE KEY"}
KEYS = {b"PRIVATE KEY", b"ENCRYPTED PRIVATE KEY", *TRADITIONAL}
BUNDLES = {b"PKCS7", b"CMS", b"PKCS #7 SIGNED DATA"}
REQUESTS = {b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST"}
BASE64 = re.compile(rb"[A-Za-z0-9+/]+=*")
PFX_BEGINS, BUNDLE_NAME, KEY_BEGINS = b"\x02\x01\x03", bytes.fromhex("06092a864886f70d0107"), (b"\x02\x01\x00", b"\x02\x01\x01")
ZIP, SEQUENCE = b"PK\x03\x04", 0x30


@dataclass(frozen=True)
class File:
    """One file as it was chosen."""

    name: str
    content: bytes = field(repr=False)


@dataclass
class Found:
    """All certificates and private keys of the files, in their order; `without_key` names a PFX that brought none."""

    certificates: list[ForeignCertificate] = field(default_factory=list)
    keys: list[Any] = field(default_factory=list, repr=False)
    without_key: str = ""


def read(files: Iterable[File], passphrase: str) -> Found:
    """Everything that the files hold. Raises: UploadRefused, naming the file and what to do."""
    chosen = list(files)
    if sum(len(each.content) for each in chosen) > LARGEST_BYTES:
        raise UploadRefused(
            "too-large",
            f"These files have more than {LARGEST_BYTES // 1024} KiB. A certificate with its chain and key has a few: "
            "choose those files alone.",
        )
    reader = _Reader(passphrase)
    for each in chosen:
        reader.file(each)
    if not chosen or not (reader.found.certificates or reader.found.keys):
        raise UploadRefused("nothing-readable", "No file with a certificate was chosen. Choose a PFX file, or PEM or DER files.")
    return reader.found


def _as_bytes(content: bytes) -> bytes:
    """Without byte order mark; what an editor saved as UTF-16 as well."""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            return content.decode(encoding, "replace").encode("ascii", "replace")
    return content.removeprefix(b"\xef\xbb\xbf")


class _Reader:
    """Takes one file after the other."""

    def __init__(self, passphrase: str) -> None:
        self.passphrase, self.found = passphrase.encode(errors="replace"), Found()
        self.name, self.work = "", 0

    def file(self, file: File) -> None:
        self.name = file.name[:80] or "the file"
        self._content(_as_bytes(file.content))

    def _content(self, content: bytes) -> None:
        if content.startswith(ZIP):
            raise UploadRefused("zip", f"{self.name} is a zip. Unpack it, and choose the certificate, chain and key files in it.")
        if b"-----BEGIN " in content:
            self._pem(content)
        elif content[:1] == bytes([SEQUENCE]):
            self._der(content)
        elif BASE64.fullmatch(plain := b"".join(content.split())):
            self._content(self._base64(plain))
        else:
            raise self._unreadable()

    def _unreadable(self) -> UploadRefused:
        return UploadRefused(
            "nothing-readable",
            f"{self.name} holds neither a certificate nor a private key in a form that is read here: PFX (.pfx, .p12), PEM (.pem, .crt, "
            ".key), DER (.cer, .der) or PKCS #7 (.p7b). Export it again in one of these.",
        )

    def _base64(self, content: bytes) -> bytes:
        """What it encodes, where that is one of the other forms."""
        try:
            plain = base64.b64decode(content, validate=True)
        except binascii.Error as exc:
            raise self._unreadable() from exc
        if plain[:1] != bytes([SEQUENCE]) and b"-----BEGIN " not in plain:
            raise self._unreadable()
        return plain

    def _pem(self, content: bytes) -> None:
        blocks = list(_blocks(content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")))
        if any(label in REQUESTS for label, _ in blocks):
            raise UploadRefused(
                "request", f"{self.name} is a request, not a certificate. Send it to your certificate authority; upload what comes back."
            )
        read_here = CERTIFICATES | KEYS | BUNDLES
        if not any(label in read_here for label, _ in blocks):
            raise self._unreadable()
        for label, block in blocks:
            if label in CERTIFICATES:
                self._certificate(_body(block))
            elif label in BUNDLES:
                self._bundle(_body(block))
            elif label in KEYS:
                self._key(block + b"\n", _body(block), label)

    def _der(self, der: bytes) -> None:
        try:
            inside = ber.parsed(der).content
        except ValueError as exc:
            raise self._damaged() from exc
        if inside.startswith(PFX_BEGINS):
            self._pfx(der)
        elif inside.startswith(BUNDLE_NAME):
            self._bundle(der)
        elif inside.startswith(KEY_BEGINS) or self._is_encrypted_key(der):
            self._key(der, der, b"")
        else:
            self._certificate(der)

    def _is_encrypted_key(self, der: bytes) -> bool:
        parts = ber.parsed(der).parts
        return len(parts) == 2 and parts[1].tag == ber.OCTET_STRING

    def _certificate(self, content: bytes) -> None:
        try:
            self.found.certificates.append(foreign.loaded(content))
        except PKIError as exc:
            raise UploadRefused("damaged", f"{self.name}: {exc} Export it again.") from exc

    def _bundle(self, der: bytes) -> None:
        """PKCS #7 SignedData (RFC 2315 9.1): its certificates stand under [0]."""
        try:
            signed = ber.first(der).parts[1].parts[0]
        except (ValueError, IndexError) as exc:
            raise UploadRefused("damaged", f"{self.name} is no bundle of certificates that can be read. Export it again.") from exc
        for each in (each for held in signed.parts if held.tag == 0xA0 for each in held.parts):
            self._certificate(each.raw)

    def _damaged(self) -> UploadRefused:
        return UploadRefused("damaged", f"{self.name} is damaged or was cut short. Export or copy it again.")

    def _check(self, der: bytes) -> None:
        """What OpenSSL would compute while it opens this: the rounds of all files together, and the numbers of a key."""
        try:
            self.work += derivation.work(der)
            is_long = derivation.has_long_integer(der)
        except ValueError as exc:
            raise self._damaged() from exc
        if self.work > derivation.MOST:
            raise UploadRefused(
                "too-much-work",
                f"{self.name}, with what was opened before it, asks for more than {derivation.MOST} rounds of key derivation; no more are "
                "taken in one upload. Export it again with ordinary settings.",
            )
        if is_long:
            raise self._too_long()

    def _check_number(self) -> None:
        """Each takes its time to load."""
        if len(self.found.keys) >= MOST_KEYS:
            raise UploadRefused("two-keys", "These files hold many private keys. Choose the one key that belongs to the certificate.")

    def _too_long(self) -> UploadRefused:
        return UploadRefused(
            "key-too-long", f"The private key in {self.name} is longer than RSA-8192. Have one made for RSA-4096 or shorter."
        )

    def _pfx(self, der: bytes) -> None:
        self._check_number()
        self._check(der)
        try:
            held = foreign.tried(lambda: pkcs12.load_pkcs12(der, self.passphrase))
        except ValueError as exc:
            raise self._locked() from exc
        except (TypeError, UnsupportedAlgorithm) as exc:
            raise UploadRefused(
                "damaged", f"{self.name} is encrypted in a way that is not known here. Export it again with AES-256."
            ) from exc
        for each in (held.cert, *held.additional_certs):
            if each is not None:
                self._certificate(each.certificate.public_bytes(Encoding.DER))
        if held.key is None:
            self.found.without_key = self.name
        else:
            self.found.keys.append(held.key)

    def _locked(self) -> UploadRefused:
        if not self.passphrase:
            return UploadRefused("passphrase-missing", f"{self.name} is protected. Type its passphrase.", field="passphrase")
        return UploadRefused(
            "passphrase-wrong", f"{self.name} does not open with this passphrase. Type the one it was exported with.", field="passphrase"
        )

    def _key(self, content: bytes, der: bytes, label: bytes) -> None:
        # Its lines say how it is encrypted, with one round; of every other form the counts stand in the DER, and only that is loaded.
        by_lines = label in TRADITIONAL and b"Proc-Type: 4,ENCRYPTED" in content
        locked = by_lines or label == b"ENCRYPTED PRIVATE KEY" or (not label and self._is_encrypted_key(der))
        if locked and not self.passphrase:
            raise self._locked()
        self._check_number()
        if len(der) > LARGEST_KEY:
            raise self._too_long()
        if not by_lines:
            self._check(der)
        load, given = (load_pem_private_key, content) if by_lines else (load_der_private_key, der)
        passphrase = self.passphrase if locked else None
        try:
            self.found.keys.append(foreign.tried(lambda: _proved(load(given, passphrase, unsafe_skip_rsa_key_validation=True))))
        except (ValueError, TypeError, InvalidSignature) as exc:
            damaged = UploadRefused("damaged", f"The private key in {self.name} is damaged. Export it again.")
            raise (self._locked() if locked else damaged) from exc
        except UnsupportedAlgorithm as exc:
            raise UploadRefused("damaged", f"The private key in {self.name} is of a kind that is not known here.") from exc


def _proved(key: Any) -> Any:
    """`key`, if it signs what its public half verifies: OpenSSL's own proof that an RSA key's primes are ones takes minutes where they are long.

    Raises: ValueError, InvalidSignature.
    """
    if isinstance(key, rsa.RSAPrivateKey):
        key.public_key().verify(key.sign(b"", padding.PKCS1v15(), hashes.SHA256()), b"", padding.PKCS1v15(), hashes.SHA256())
    return key


def _blocks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Label and text of each PEM block. One that begins within another counts, and the other does not."""
    begins: re.Match[bytes] | None = None
    for edge in EDGE.finditer(content):
        if edge[1] == b"BEGIN":
            begins = edge
        elif begins is not None and begins[2] == edge[2]:
            yield edge[2], content[begins.start() : edge.end()]
            begins = None


def _body(block: bytes) -> bytes:
    """What a PEM block holds, b"" where that is no base64."""
    lines = [line for line in block.splitlines()[1:-1] if b":" not in line]
    try:
        return base64.b64decode(b"".join(b"".join(lines).split()), validate=True)
    except binascii.Error:
        return b""
