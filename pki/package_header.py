"""The protected header of a package, checked field by field before anything is kept or derived (RFC 7516, RFC 7518 section 4.8)."""

import json
import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pki import clocks, names
from pki.errors import InvalidName, PackageMalformed

MAXIMUM_BYTES, LARGEST_HEADER = 65536, 2048
ITERATIONS = 200_000
BY_PASSWORD, BY_CERTIFICATE, ENCRYPTION = "PBES2-HS512+A256KW", "RSA-OAEP-256", "A256GCM"
CLAIM_NAMES = ("trust_zone", "central_name", "root_sha256", "generation", "expires_at")
LARGEST_GENERATION = 2**31 - 1
COMPACT = re.compile(rb"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+){4}")
TRUST_ZONE, FINGERPRINT, SALT = re.compile("[A-Za-z0-9-]{1,64}"), re.compile("[0-9a-f]{64}"), re.compile("[A-Za-z0-9_-]{11,86}")


@dataclass(frozen=True)
class Claims:
    """What the outside of a package says: shown as *claims to be*, compared after unlocking."""

    trust_zone: str
    central_name: str
    root_sha256: str
    generation: int
    expires_at: datetime


def _json(sealed: bytes) -> dict[str, Any]:
    """Raises: PackageMalformed."""
    if len(sealed) > MAXIMUM_BYTES:
        raise PackageMalformed(f"The package has {len(sealed)} bytes; at most {MAXIMUM_BYTES} are accepted.")
    if not COMPACT.fullmatch(sealed):
        raise PackageMalformed("This is not a registration package, or it was cut short.")
    protected = sealed.split(b".")[0]
    if len(protected) > LARGEST_HEADER:
        raise PackageMalformed(f"The package's header has {len(protected)} bytes; at most {LARGEST_HEADER} are accepted.")
    try:
        header = json.loads(urlsafe_b64decode(protected + b"=" * (-len(protected) % 4)))
    except (ValueError, RecursionError) as exc:  # deeply nested JSON, from whoever reaches the port
        raise PackageMalformed("This is not a registration package.") from exc
    if not isinstance(header, dict):
        raise PackageMalformed("This is not a registration package.")
    return header


def _check_form(header: dict[str, Any], algorithm: str) -> None:
    """The one accepted way of sealing. Raises: PackageMalformed."""
    allowed = {"alg", "enc", *CLAIM_NAMES} | ({"p2s", "p2c"} if algorithm == BY_PASSWORD else set())
    if set(header) != allowed or (header["alg"], header["enc"]) != (algorithm, ENCRYPTION):
        raise PackageMalformed("The package is sealed in a way that is not accepted here.")
    if algorithm != BY_PASSWORD:
        return
    if type(header["p2c"]) is not int or header["p2c"] != ITERATIONS:
        raise PackageMalformed(f"The package asks for {header['p2c']!r:.20} derivation rounds; exactly {ITERATIONS} are accepted.")
    _text(header, "p2s", SALT)


def _text(header: dict[str, Any], name: str, form: re.Pattern[str]) -> str:
    value = header[name]
    if not isinstance(value, str) or not form.fullmatch(value):
        raise PackageMalformed(f"The package's header field {name} is not understood.")
    return value


def _central_name(header: dict[str, Any]) -> str:
    try:
        return names.host_name(header["central_name"] if isinstance(header["central_name"], str) else "")
    except InvalidName as exc:
        raise PackageMalformed("The package's header field central_name is not a host name.") from exc


def _claims(header: dict[str, Any]) -> Claims:
    generation = header["generation"]
    if type(generation) is not int or not 0 < generation <= LARGEST_GENERATION:
        raise PackageMalformed("The package's header field generation is not understood.")
    try:
        expires_at = clocks.parsed(header["expires_at"])
    except ValueError as exc:
        raise PackageMalformed("The package's header field expires_at is not understood.") from exc
    trust_zone, root_sha256 = _text(header, "trust_zone", TRUST_ZONE), _text(header, "root_sha256", FINGERPRINT)
    return Claims(trust_zone, _central_name(header), root_sha256, generation, expires_at)


def read(sealed: bytes, algorithm: str = BY_PASSWORD) -> Claims:
    """What the header of a package says, unproved; every field has its type, length and alphabet. Raises: PackageMalformed."""
    header = _json(sealed)
    _check_form(header, algorithm)
    return _claims(header)
