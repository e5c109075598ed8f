"""A certificate with its key in a file under a password (PKCS #12, RFC 7292), for Windows, exports and `agent import-cluster`."""

import warnings
from collections.abc import Iterable
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat, pkcs12
from cryptography.x509.oid import NameOID

from pki.core import ber, derivation, keys
from pki.core.errors import PfxRefused
from pki.core.keys import PrivateKey
from pki.core.pair import Pair
from pki.foreign import read as foreign

LARGEST_PFX = 65536
LONGEST_PASSWORD = 128
ROUNDS, LEGACY_ROUNDS = 100_000, 2_000  # old programs use the second


class PfxForm(StrEnum):
    AES = "aes-256"
    LEGACY = "legacy"


def password_problem(text: str, *, shortest: int = 1) -> str:
    """Why other programs could not open a file with the password `text`, and what to type; "" if they can."""
    if not shortest <= len(text) <= LONGEST_PASSWORD:
        return f"The password has {len(text)} characters. Type {shortest} to {LONGEST_PASSWORD}."
    if not text.isascii() or not text.isprintable():
        return (
            "Type letters, digits and signs of a plain English keyboard (ASCII) only: programs encode others, such as ä or €, in different "
            "ways, and would refuse the right password."
        )
    return ""


def friendly_name(certificate: x509.Certificate) -> str:
    """The name that Windows shows: the common name."""
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
        builder = builder.hmac_hash(hashes.SHA1())  # noqa: S303  (the old format)
    beside = [pkcs12.PKCS12Certificate(root, friendly_name(root).encode()) for root in roots]
    return pkcs12.serialize_key_and_certificates(name.encode(), key, certificate, beside or None, builder.build(password.encode()))


def pfx_read(content: bytes, password: str) -> Pair:
    """The certificate of a PFX and its private key. Nothing is derived before the counts in the file are known. Raises: PfxRefused."""
    if len(content) > LARGEST_PFX:
        raise PfxRefused(f"The file has {len(content)} bytes; a PFX of one certificate has at most {LARGEST_PFX}.")
    try:
        pfx = ber.first(content).raw  # zeros or a line break may follow
        rounds = derivation.work(pfx)
    except ValueError as exc:
        raise PfxRefused("The file is not a PFX, or it is damaged. Download it again from the console.") from exc
    if rounds > derivation.MOST:
        raise PfxRefused(f"The file asks for more than {derivation.MOST} rounds of key derivation. Download it again from the console.")
    try:
        with warnings.catch_warnings(action="ignore"):  # of a file that is BER and not DER
            held = foreign.tried(lambda: pkcs12.load_pkcs12(pfx, password.encode(errors="replace")))
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise PfxRefused("The file does not open with this password, or it is damaged. Type the password of the file.") from exc
    certificate, key = held.cert, held.key
    if certificate is None or not isinstance(key, PrivateKey):
        raise PfxRefused("The file holds no certificate with its private key (RSA or EC). Download it again from the console.")
    try:
        foreign.tried(lambda: certificate.certificate.extensions)
    except (ValueError, TypeError) as exc:
        raise PfxRefused("The certificate in the file cannot be read. Download it again from the console.") from exc
    return Pair(certificate.certificate.public_bytes(Encoding.PEM), keys.to_pem(key))
