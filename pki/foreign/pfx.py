"""A certificate with its key in a file under a password (PKCS #12, RFC 7292), for Windows, exports and `agent import-cluster`."""

from collections.abc import Iterable
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12
from cryptography.x509.oid import NameOID

from pki.core import keys
from pki.core.errors import PfxRefused, PKIError, UploadRefused
from pki.core.keys import PrivateKey
from pki.core.pair import Pair
from pki.foreign import read as foreign
from pki.foreign import uploaded
from pki.foreign.uploaded import File

LARGEST_PFX = 65536
LONGEST_PASSWORD = 128
ROUNDS, LEGACY_ROUNDS = 100_000, 2_000  # the second is what such files of old have


class PfxForm(StrEnum):
    AES = "aes-256"
    LEGACY = "legacy"


def password_problem(text: str, *, shortest: int = 1) -> str:
    """Why `text` cannot seal a file that other programs open, and what to type; "" if it can."""
    if not shortest <= len(text) <= LONGEST_PASSWORD:
        return f"The password has {len(text)} characters; type {shortest} to {LONGEST_PASSWORD}."
    if not text.isascii() or not text.isprintable():
        return (
            "Type letters, digits and signs of a plain English keyboard (ASCII) only: programs encode others, such as ä or €, each in its own "
            "way, and would then refuse the right password."
        )
    return ""


def friendly_name(certificate: x509.Certificate) -> str:
    """Under which Windows shows it: its common name."""
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def pfx_make(
    certificate: x509.Certificate, key: PrivateKey, *, password: str, form: PfxForm, name: str, roots: Iterable[x509.Certificate] = ()
) -> bytes:
    """AES-256 with PBES2 and SHA-256; or triple DES and SHA-1, for Windows Server 2016 and earlier. Raises: PfxRefused."""
    if problem := password_problem(password):
        raise PfxRefused(problem)
    builder = PrivateFormat.PKCS12.encryption_builder()
    if form is PfxForm.AES:
        builder = builder.kdf_rounds(ROUNDS).key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC).hmac_hash(hashes.SHA256())
    else:
        builder = builder.kdf_rounds(LEGACY_ROUNDS).key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        builder = builder.hmac_hash(hashes.SHA1())  # noqa: S303  (the old form)
    beside = [pkcs12.PKCS12Certificate(root, friendly_name(root).encode()) for root in roots]
    return pkcs12.serialize_key_and_certificates(name.encode(), key, certificate, beside or None, builder.build(password.encode()))


def pfx_read(content: bytes, password: str) -> Pair:
    """The pair in a PFX, read within the limits of every upload. Raises: PfxRefused, saying why."""
    if len(content) > LARGEST_PFX:
        raise PfxRefused(f"The file has {len(content)} bytes; a PFX of one certificate has at most {LARGEST_PFX}.")
    try:
        found = uploaded.read([File("The file", content)], password)
    except UploadRefused as exc:
        raise PfxRefused(str(exc)) from exc
    pairs = [(certificate, key) for key in found.keys for certificate in found.certificates if certificate.key == key.public]
    if not pairs:
        raise PfxRefused("The file holds no certificate with its private key. Download it again from the console.")
    certificate, key = pairs[0]
    try:
        foreign.tried(lambda: [getattr(x509.load_der_x509_certificate(certificate.der), part) for part in ("subject", "extensions")])
    except ValueError as exc:
        raise PfxRefused(f"The file holds {certificate.subject.text}, which is no certificate of a trust zone.") from exc
    try:
        return Pair(certificate.pem, keys.to_pem(keys.from_pem(key.pem, own=True)))  # a signature has proved it
    except PKIError as exc:
        raise PfxRefused(f"The private key in the file cannot be used: {exc}") from exc
