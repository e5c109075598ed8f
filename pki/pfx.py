"""A certificate with its key in a file under a password (PKCS #12, RFC 7292), for Windows, exports and `agent import-cluster`."""

from collections.abc import Iterable
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat, pkcs12
from cryptography.x509.oid import NameOID

from pki import keys
from pki.errors import PfxRefused, PKIError
from pki.keys import PrivateKey
from pki.package import Pair

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
    """The pair in a PFX. Raises: PfxRefused, saying why."""
    if len(content) > LARGEST_PFX:
        raise PfxRefused(f"The file has {len(content)} bytes; a PFX of one certificate has at most {LARGEST_PFX}.")
    try:
        key, certificate, _ = pkcs12.load_key_and_certificates(content, password.encode())
    except ValueError as exc:
        raise PfxRefused(
            "The file does not open: the password is wrong, or this is no PFX. Type the password that was given when it was downloaded."
        ) from exc
    if key is None or certificate is None:
        raise PfxRefused("The file holds no certificate with its private key. Download it again from the console.")
    try:
        pem = keys.to_pem(key)  # type: ignore[arg-type]
        keys.from_pem(pem)
    except (PKIError, ValueError, AttributeError) as exc:
        raise PfxRefused(f"The private key in the file cannot be used: {exc}") from exc
    return Pair(certificate.public_bytes(Encoding.PEM), pem)
