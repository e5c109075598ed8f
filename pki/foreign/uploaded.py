"""Reads uploaded files, PFX, PEM or DER in any combination, into certificates and private keys.

Line ends, byte order marks and file names do not matter: the content decides between PEM and DER. Content that is neither a certificate nor a
private key is ignored, and reported.
"""

import base64
import binascii
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key, pkcs12

from pki.core import ber, derivation
from pki.core.ber import Element
from pki.core.errors import PKIError, UploadRefused
from pki.foreign import pfx_bags
from pki.foreign import private_key as foreign_key
from pki.foreign import read as foreign
from pki.foreign.names import printable
from pki.foreign.private_key import ForeignPrivateKey
from pki.foreign.read import ForeignCertificate
from pki.foreign.remedies import Remedy

LARGEST_BYTES, LARGEST_KEY, MOST_KEYS = 256 * 1024, 6 * 1024, 5
EDGE = re.compile(rb"-----(BEGIN|END) ([A-Z0-9 #]{1,40})-----")
CERTIFICATES = {b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE"}
TRADITIONAL = {b"RSA PRIVATE KEY", b"EC PRIVATE KEY", b"DSA PRIVATE KEY"}
KEYS = {b"PRIVATE KEY", b"ENCRYPTED PRIVATE KEY", *TRADITIONAL}
BUNDLES = {b"PKCS7", b"CMS", b"PKCS #7 SIGNED DATA"}
REQUESTS = {b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST"}
SSH = b"OPENSSH PRIVATE KEY"
SILENT = {b"EC PARAMETERS"}  # part of the key as OpenSSL writes it
ASIDE = {
    **dict.fromkeys(REQUESTS, "a request (CSR)"), b"DH PARAMETERS": "Diffie-Hellman parameters", b"X9.42 DH PARAMETERS": "Diffie-Hellman parameters",
    b"X509 CRL": "a revocation list", b"PUBLIC KEY": "a public key", b"RSA PUBLIC KEY": "a public key", SSH: "a key in the form of SSH",
    b"DSA PARAMETERS": "DSA parameters",
}  # fmt: skip
BASE64 = re.compile(rb"[A-Za-z0-9+/]+=*")
SIGNED_DATA, PFX_VERSION = "1.2.840.113549.1.7.2", 3
ZIP, SEQUENCE = b"PK\x03\x04", 0x30


@dataclass(frozen=True)
class File:
    """One uploaded file."""

    name: str
    content: bytes = field(repr=False)


@dataclass
class Found:
    """All certificates and private keys of the files, in their order. `without_key` is a PFX without a private key, `for_ssh` a file with a key in
    the format of SSH; `aside` lists ignored content."""

    certificates: list[ForeignCertificate] = field(default_factory=list)
    keys: list[ForeignPrivateKey] = field(default_factory=list, repr=False)
    without_key: str = ""
    for_ssh: str = ""
    aside: list[str] = field(default_factory=list)


def read(files: Iterable[File], passphrase: str) -> Found:
    """The content of the files. Raises: UploadRefused, with the file and what to do."""
    chosen = list(files)
    if sum(len(upload.content) for upload in chosen) > LARGEST_BYTES:
        raise UploadRefused(
            "too-large",
            f"These files have more than {LARGEST_BYTES // 1024} KiB. A certificate with its chain and key has a few.",
            Remedy.FEWER_FILES,
        )
    reader = _Reader(passphrase)
    for file in chosen:
        reader.file(file)
    found = reader.found
    if not chosen or not (found.certificates or found.keys):
        if reader.requests:
            raise UploadRefused("request", f"{reader.requests[0]} is a request, not a certificate.", Remedy.SEND_REQUEST)
        raise UploadRefused("nothing-readable", "There is no certificate and no private key in these files.", Remedy.CHOOSE_FILES)
    return found


def _as_bytes(content: bytes) -> bytes:
    """The content without a byte order mark, and UTF-16 text as ASCII."""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"-\0-\0-\0", "utf-16-le"), (b"\0-\0-\0-", "utf-16-be")):
        if content.startswith(mark):
            return content.decode(encoding, "replace").encode("ascii", "replace")
    return content.removeprefix(b"\xef\xbb\xbf")


class _Reader:
    """Reads one file after the other."""

    def __init__(self, passphrase: str) -> None:
        self.passphrase, self.found = passphrase, Found()
        self.octets = passphrase.encode(errors="replace")
        self.name, self.work, self.requests = "", 0, list[str]()

    def file(self, file: File) -> None:
        self.name = printable(file.name[:80]) or "the file"
        self._content(_as_bytes(file.content))

    def _content(self, content: bytes) -> None:
        if content.startswith(ZIP):
            raise UploadRefused("zip", f"{self.name} is a zip.", Remedy.UNPACK)
        if b"-----BEGIN " in content:
            self._pem(content)
        elif content[:1] == bytes([SEQUENCE]):
            self._der(content)
        elif BASE64.fullmatch(plain := b"".join(content.split())):
            self._content(self._base64(plain))
        else:
            raise self._unreadable()

    def _unreadable(self) -> UploadRefused:
        words = f"{self.name} has neither a certificate nor a private key in a supported format."
        return UploadRefused("nothing-readable", words, Remedy.EXPORT_AGAIN)

    def _damaged(self, what: str = "") -> UploadRefused:
        return UploadRefused("damaged", f"{what}{self.name} is damaged or incomplete.", Remedy.EXPORT_AGAIN)

    def _base64(self, content: bytes) -> bytes:
        """The decoded content of a base64 file without PEM lines."""
        try:
            plain = base64.b64decode(content, validate=True)
        except binascii.Error as exc:
            raise self._unreadable() from exc
        if plain[:1] != bytes([SEQUENCE]) and b"-----BEGIN " not in plain:
            raise self._unreadable()
        return plain

    def _pem(self, content: bytes) -> None:
        blocks = list(_blocks(content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")))
        if not any(label in CERTIFICATES | KEYS | BUNDLES | ASIDE.keys() for label, _ in blocks):
            raise self._unreadable()
        for label, block in blocks:
            if label in CERTIFICATES:
                self._certificate(_body(block))
            elif label in BUNDLES:
                self._bundle(self._element(_body(block)))
            elif label in KEYS:
                self._pem_key(block + b"\n", _body(block), label)
            elif label not in SILENT:
                self._aside(label)

    def _aside(self, label: bytes) -> None:
        if label in REQUESTS:
            self.requests.append(self.name)
        if label == SSH:
            self.found.for_ssh = self.name
        words = ASIDE.get(label, f"“{label.decode()}”")
        self.found.aside.append(f"{self.name} also holds {words}, which was ignored: it is not needed.")

    def _element(self, der: bytes) -> Element:
        try:
            return ber.first(der)  # zeros or a line break may follow
        except ValueError as exc:
            raise self._damaged() from exc

    def _der(self, der: bytes) -> None:
        element = self._element(der)
        parts = element.parts
        if parts and parts[0].tag == ber.INTEGER and parts[0].number == PFX_VERSION:
            self._pfx(element.raw)
        elif parts and parts[0].tag == ber.OID:
            self._bundle(element)
        elif foreign_key.is_plain(element) or foreign_key.is_encrypted(element):
            self._key(element)
        elif _is_request(element):
            self._aside(b"CERTIFICATE REQUEST")
        else:
            self._certificate(element.raw)

    def _certificate(self, content: bytes) -> None:
        try:
            self.found.certificates.append(foreign.loaded(content))
        except PKIError as exc:
            raise UploadRefused("damaged", f"{self.name}: {exc}", Remedy.EXPORT_AGAIN) from exc

    def _bundle(self, element: Element) -> None:
        """PKCS #7 SignedData (RFC 2315 9.1): element [0] has its certificates."""
        try:
            signed = element.parts[1].parts[0].parts
            if element.parts[0].oid != SIGNED_DATA:
                raise ValueError("content of another type")
        except (ValueError, IndexError) as exc:
            raise self._damaged("The bundle in ") from exc
        for certificate_part in (part for held in signed if held.tag == 0xA0 for part in held.parts):
            self._certificate(certificate_part.raw)

    def _check_work(self, der: bytes) -> None:
        """Limit the rounds of key derivation of all files together, before OpenSSL computes them."""
        self.work += self._counted(lambda: derivation.work(der))
        if self.work > derivation.MOST:
            words = f"{self.name}, with what was opened before it, asks for more than {derivation.MOST} rounds of key derivation."
            raise UploadRefused("too-much-work", words, Remedy.EXPORT_ORDINARY)
        self._check_length(der)

    def _check_length(self, der: bytes) -> None:
        """Limit the length of the numbers in a key."""
        if self._counted(lambda: derivation.has_long_integer(der)):
            raise self._too_long()

    def _counted(self, count: Callable[[], int]) -> int:
        try:
            return count()
        except ValueError as exc:
            raise self._damaged() from exc

    def _check_number(self) -> None:
        """Limit the number of keys, because loading them is slow."""
        if len(self.found.keys) >= MOST_KEYS:
            raise UploadRefused("two-keys", "These files hold many private keys.", Remedy.ONE_KEY)

    def _too_long(self) -> UploadRefused:
        return UploadRefused("key-too-long", f"The private key in {self.name} is longer than RSA-8192.", Remedy.SHORTER_KEY)

    def _pfx(self, der: bytes) -> None:
        self._check_number()
        self._check_work(der)
        try:
            certificates, keys = self._opened(der)
        except (ValueError, IndexError, KeyError) as exc:
            raise self._locked() from exc
        except (TypeError, UnsupportedAlgorithm) as exc:
            raise UploadRefused("damaged", f"{self.name} has an unsupported encryption.", Remedy.EXPORT_ORDINARY) from exc
        for certificate in certificates:
            self._certificate(certificate)
        self.found.keys += keys
        if not keys:
            self.found.without_key = self.name

    def _opened(self, der: bytes) -> tuple[list[bytes], list[ForeignPrivateKey]]:
        """Raises: as `pfx_bags.opened`, TypeError."""
        try:
            with warnings.catch_warnings(action="ignore"):  # the library warns that this is BER
                held: Any = foreign.tried(lambda: pkcs12.load_pkcs12(der, self.octets))
            keys = [] if held.key is None else [foreign_key.of(held.key)]
            return [bag.certificate.public_bytes(Encoding.DER) for bag in (held.cert, *held.additional_certs) if bag is not None], keys
        except (ValueError, TypeError, UnsupportedAlgorithm, PKIError) as refused:
            return self._opened_by_bags(der, refused)

    def _opened_by_bags(self, der: bytes, refused: Exception) -> tuple[list[bytes], list[ForeignPrivateKey]]:
        try:
            bags = foreign.tried(lambda: pfx_bags.opened(der, self.passphrase))
        except UnsupportedAlgorithm:
            raise refused from None
        if any(len(key) > LARGEST_KEY for key in bags.keys):
            raise self._too_long()
        return bags.certificates, [self._plain(key) for key in bags.keys[:MOST_KEYS]]

    def _locked(self) -> UploadRefused:
        if not self.passphrase:
            return UploadRefused("passphrase-missing", f"{self.name} is protected.", Remedy.TYPE_PASSPHRASE, field="passphrase")
        words = f"{self.name} does not open with this passphrase."
        return UploadRefused("passphrase-wrong", words, Remedy.RIGHT_PASSPHRASE, field="passphrase")

    def _plain(self, der: bytes) -> ForeignPrivateKey:
        self._check_length(der)
        try:
            return foreign_key.plain(der)
        except PKIError as exc:
            raise self._damaged("The private key in ") from exc
        except UnsupportedAlgorithm as exc:
            raise self._unknown_key() from exc

    def _unknown_key(self) -> UploadRefused:
        return UploadRefused("damaged", f"The private key in {self.name} has an unsupported type.", Remedy.COMMON_KEY)

    def _key(self, element: Element) -> None:
        self._check_number()
        if len(element.raw) > LARGEST_KEY:
            raise self._too_long()
        if foreign_key.is_encrypted(element):
            self._check_work(element.raw)
            self._unlock(lambda: foreign_key.encrypted(element.raw, self.octets))
        else:
            self.found.keys.append(self._plain(element.raw))

    def _unlock(self, load: Any) -> None:
        if not self.passphrase:
            raise self._locked()
        try:
            self.found.keys.append(load())
        except (PKIError, ValueError, TypeError, InvalidSignature) as exc:
            raise self._locked() from exc
        except UnsupportedAlgorithm as exc:
            raise self._unknown_key() from exc

    def _key_element(self, der: bytes) -> Element:
        if len(der) > LARGEST_KEY:
            raise self._too_long()
        element = self._element(der)
        if not (foreign_key.is_plain(element) or foreign_key.is_encrypted(element)):
            raise self._damaged("The private key in ")
        return element

    def _pem_key(self, block: bytes, der: bytes, label: bytes) -> None:
        # The header lines of a traditional key describe its encryption, with one round. All other formats have their counts in the DER, and only that is loaded.
        if label not in TRADITIONAL or b"Proc-Type: 4,ENCRYPTED" not in block:
            self._key(self._key_element(der))
            return
        self._check_number()
        if len(der) > LARGEST_KEY:
            raise self._too_long()
        self._unlock(
            lambda: foreign_key.of(foreign.tried(lambda: load_pem_private_key(block, self.octets, unsafe_skip_rsa_key_validation=True)))
        )


def _is_request(element: Element) -> bool:
    """Whether this is PKCS #10: its first part begins with a version, unlike that of a certificate (RFC 2986 section 4)."""
    first = element.parts[0].parts if element.parts else ()
    return (
        len(first) > 1
        and first[0].tag == ber.INTEGER
        and first[0].content == b"\0"
        and first[1].tag == SEQUENCE
        and len(element.parts) == 3
    )


def _blocks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Label and text of each PEM block. Of nested blocks, only the inner one counts."""
    begins: re.Match[bytes] | None = None
    for edge in EDGE.finditer(content):
        if edge[1] == b"BEGIN":
            begins = edge
        elif begins is not None and begins[2] == edge[2]:
            yield edge[2], content[begins.start() : edge.end()]
            begins = None


def _body(block: bytes) -> bytes:
    """The decoded content of a PEM block, b"" if it is not base64."""
    lines = [line for line in block.splitlines()[1:-1] if b":" not in line]
    try:
        return base64.b64decode(b"".join(b"".join(lines).split()), validate=True)
    except binascii.Error:
        return b""
