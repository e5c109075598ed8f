"""The protected header of a package. Each field is checked before anything is stored or derived (RFC 7516, RFC 7518 section 4.8)."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pki.core import clocks, names
from pki.core.errors import InvalidName, PackageMalformed
from pki.core.json_text import json_read

MAXIMUM_BYTES, LARGEST_HEADER = 65536, 2048
ITERATIONS = 200_000
BY_PASSWORD, BY_CERTIFICATE, ENCRYPTION = "PBES2-HS512+A256KW", "RSA-OAEP-256", "A256GCM"
CLAIM_NAMES = ("trust_zone", "central_name", "root_sha256", "generation", "expires_at")
LARGEST_GENERATION = 2**31 - 1
COMPACT = re.compile(rb"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+){4}")
TRUST_ZONE, FINGERPRINT = re.compile("[A-Za-z0-9-]{1,64}"), re.compile("[0-9a-f]{64}")
SALT, TAG = re.compile("[A-Za-z0-9_-]{11,86}"), re.compile("[A-Za-z0-9_-]{22}")
TAG_BYTES, TAG_PURPOSE = 16, b"trust zone registration package: kid"


@dataclass(frozen=True)
class Claims:
    """The claims in the header of a package. A page shows them as claims; after decryption they are compared with the content."""

    trust_zone: str
    central_name: str
    root_sha256: str
    generation: int
    expires_at: datetime


@dataclass(frozen=True)
class Header:
    """The checked header: its claims, the salt of the password's key, and the password's tag (None: an older central node, or a renewal)."""

    claims: Claims
    salt: bytes
    tag: bytes | None


def tag_of(password: str, salt: bytes) -> bytes:
    """The tag that only somebody with the canonical `password` can compute for `salt`.

    The symbols hold 120 random bits, so nobody finds the password by trying; HKDF keeps the tag apart from the key that opens the package.
    """
    return HKDF(hashes.SHA256(), TAG_BYTES, salt, TAG_PURPOSE).derive(password.encode())


def encoded(value: bytes) -> str:
    """base64url without padding, as in JOSE."""
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def decoded(text: bytes) -> bytes:
    """Raises: ValueError."""
    return urlsafe_b64decode(text + b"=" * (-len(text) % 4))


def _json(sealed: bytes) -> dict[str, Any]:
    """Raises: PackageMalformed."""
    if len(sealed) > MAXIMUM_BYTES:
        raise PackageMalformed(f"The package has {len(sealed)} bytes; at most {MAXIMUM_BYTES} are accepted.")
    if not COMPACT.fullmatch(sealed):
        raise PackageMalformed("This is not a registration package, or it is incomplete.")
    protected = sealed.split(b".")[0]
    if len(protected) > LARGEST_HEADER:
        raise PackageMalformed(f"The package's header has {len(protected)} bytes; at most {LARGEST_HEADER} are accepted.")
    try:
        header = json_read(decoded(protected))
    except ValueError as exc:
        raise PackageMalformed("This is not a registration package.") from exc
    if not isinstance(header, dict):
        raise PackageMalformed("This is not a registration package.")
    return header


def _check_form(header: dict[str, Any], algorithm: str) -> None:
    """Check the algorithms of the encryption. Raises: PackageMalformed."""
    demanded = {"alg", "enc", *CLAIM_NAMES} | ({"p2s", "p2c"} if algorithm == BY_PASSWORD else set())
    allowed = demanded | ({"kid"} if algorithm == BY_PASSWORD else set())
    if not demanded <= set(header) <= allowed or (header["alg"], header["enc"]) != (algorithm, ENCRYPTION):
        raise PackageMalformed("The encryption of the package is not accepted.")
    if algorithm == BY_PASSWORD and (type(header["p2c"]) is not int or header["p2c"] != ITERATIONS):
        raise PackageMalformed(f"The package asks for {header['p2c']!r:.20} derivation rounds; exactly {ITERATIONS} are accepted.")


def _text(header: dict[str, Any], name: str, form: re.Pattern[str]) -> str:
    value = header[name]
    if not isinstance(value, str) or not form.fullmatch(value):
        raise PackageMalformed(f"The package's header field {name} cannot be read.")
    return value


def _bytes(header: dict[str, Any], name: str, form: re.Pattern[str]) -> bytes:
    try:
        return decoded(_text(header, name, form).encode())
    except ValueError as exc:
        raise PackageMalformed(f"The package's header field {name} cannot be read.") from exc


def _central_name(header: dict[str, Any]) -> str:
    try:
        return names.host_name(header["central_name"] if isinstance(header["central_name"], str) else "")
    except InvalidName as exc:
        raise PackageMalformed("The package's header field central_name is not a host name.") from exc


def _claims(header: dict[str, Any]) -> Claims:
    generation = header["generation"]
    if type(generation) is not int or not 0 < generation <= LARGEST_GENERATION:
        raise PackageMalformed("The package's header field generation cannot be read.")
    try:
        expires_at = clocks.parsed(header["expires_at"])
    except ValueError as exc:
        raise PackageMalformed("The package's header field expires_at cannot be read.") from exc
    trust_zone, root_sha256 = _text(header, "trust_zone", TRUST_ZONE), _text(header, "root_sha256", FINGERPRINT)
    return Claims(trust_zone, _central_name(header), root_sha256, generation, expires_at)


def read(sealed: bytes, algorithm: str = BY_PASSWORD) -> Header:
    """The header of a package, with types, lengths and alphabets checked. It is not authenticated yet. Raises: PackageMalformed."""
    header = _json(sealed)
    _check_form(header, algorithm)
    salt = _bytes(header, "p2s", SALT) if algorithm == BY_PASSWORD else b""
    return Header(_claims(header), salt, _bytes(header, "kid", TAG) if "kid" in header else None)
