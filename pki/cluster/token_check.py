"""Checks a token that claims to come from this site, and explains each finding (RFC 7519, RFC 8725)."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from pki.cluster.proofs import ALGORITHM, PROOF_TYPE
from pki.cluster.tokens import TOKEN_TYPE, key_id, signature_holds
from pki.core import clocks

LARGEST_TOKEN = 8192
PART = re.compile(r"[A-Za-z0-9_-]+")
KEY_PARAMETERS = ("jwk", "jku", "x5c", "x5u")
LAST_MOMENT = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


@dataclass(frozen=True)
class Finding:
    """The result of one check. `code` is stable, `text` is for a person."""

    code: str
    good: bool
    text: str


@dataclass(frozen=True)
class SiteKey:
    """A cluster certificate of the site. `good` is false if its key must not sign any more."""

    certificate: x509.Certificate
    name: str
    good: bool


@dataclass(frozen=True)
class Expected:
    """The issuer and the audiences that a token must have."""

    issuer: str
    audiences: tuple[str, ...]


@dataclass(frozen=True)
class Checked:
    """The findings, and the claims of the token, also if it is not accepted."""

    findings: tuple[Finding, ...]
    claims: dict[str, Any]

    @property
    def accepted(self) -> bool:
        return all(finding.good for finding in self.findings)


class _Unreadable(Exception):
    """Not a compact JWS over JSON; the text is a finding."""


def _part(text: str, what: str) -> bytes:
    # Another encoding of the same bytes would be another token with the same signature.
    if not PART.fullmatch(text):
        raise _Unreadable(f"The {what} is not base64url. A character or the end may be missing, or a space or line break was added.")
    try:
        content = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        content = b""
    if urlsafe_b64encode(content).decode().rstrip("=") != text:
        raise _Unreadable(f"The {what} is not base64url as in RFC 7515. It was shortened or changed.")
    return content


def _object(text: str, what: str) -> dict[str, Any]:
    try:
        content = json.loads(_part(text, what))
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise _Unreadable(f"The {what} is not a JSON object. This is not a token, or it was changed.")
    return content


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    if len(token) > LARGEST_TOKEN:
        raise _Unreadable(f"This has {len(token)} characters. A token has at most {LARGEST_TOKEN}.")
    parts = token.split(".")
    if len(parts) != 3:
        raise _Unreadable(f"A token has three parts with dots between them. This has {len(parts)}. Paste the complete token.")
    header, claims = _object(parts[0], "first part"), _object(parts[1], "second part")
    if parts[2]:
        _part(parts[2], "signature")
    return header, claims


def token_check(token: str, *, keys: Sequence[SiteKey], expected: Expected, now: datetime) -> Checked:
    """All findings at once, so that a person can correct them together. `keys` has the current key first."""
    try:
        header, claims = _parts(token)
    except _Unreadable as exc:
        return Checked((Finding("form", False, str(exc)),), {})
    findings = (
        _algorithm(header.get("alg")), *_type(header), *_own_keys(header), _signature(token, header, keys), _issuer(claims.get("iss"), expected),
        _audience(claims.get("aud"), expected), *_times(claims, now),
    )  # fmt: skip
    return Checked(findings, claims)


def _shown(value: object) -> str:
    """A value of a token in a form that a page can show: an incomplete character could not be encoded."""
    if not isinstance(value, str):
        return "missing" if value is None else "not text"
    return f"“{''.join(character if character.isprintable() else '?' for character in value[:80])}”"


def _algorithm(value: object) -> Finding:
    if value == ALGORITHM:
        return Finding("algorithm", True, "Its algorithm is RS256.")
    if isinstance(value, str) and value.lower() == "none":
        text = "Its algorithm is none. It has no signature, so anybody could have written it."
    elif isinstance(value, str) and value.upper().startswith("HS"):
        text = f"Its algorithm is {_shown(value)}, which signs with a shared secret. Anybody who has the public key could have made it."
    else:
        text = f"Its algorithm is {_shown(value)}."
    return Finding("algorithm", False, f"{text} Only RS256 is accepted.")


def _type(header: dict[str, Any]) -> Iterator[Finding]:
    value = header.get("typ", TOKEN_TYPE)
    if value == PROOF_TYPE:
        yield Finding("type", False, "This is a node's proof for the console. It is not a token.")
    elif not isinstance(value, str) or value.upper() != TOKEN_TYPE:
        yield Finding("type", False, f"Its type is {_shown(value)}; a token has the type JWT.")
    if "crit" in header:
        yield Finding("type", False, "It requires header parameters that this console does not know (crit).")


def _own_keys(header: dict[str, Any]) -> Iterator[Finding]:
    brought = [name for name in KEY_PARAMETERS if name in header]
    if brought:
        yield Finding("own key", False, f"It has or names its own key ({', '.join(brought)}). Only this site's keys are accepted.")


def _signature(token: str, header: dict[str, Any], keys: Sequence[SiteKey]) -> Finding:
    if header.get("alg") != ALGORITHM:
        return Finding("signature", False, "Its signature was not checked, because the algorithm is not accepted.")
    kid = header.get("kid")
    named = [key for key in keys if kid is None or key_id(key.certificate) == kid]
    signer = next((key for key in named if signature_holds(token, key.certificate)), None)
    if signer is not None:
        return Finding("signature", signer.good, f"Signed with the key of {signer.name}, key id {key_id(signer.certificate)}.")
    if named and kid is not None:
        return Finding("signature", False, f"It names the key of {named[0].name}, which did not sign it. The token was changed or forged.")
    if kid is None:
        return Finding(
            "signature",
            False,
            "It names no key, and none of this site's keys signed it. The token was changed, or another site's key signed it.",
        )
    return Finding("signature", False, f"It names the key {_shown(kid)}, which is not a key of this site. Another site's key signed it.")


def _issuer(value: object, expected: Expected) -> Finding:
    if value == expected.issuer:
        return Finding("issuer", True, f"Its issuer is this trust zone, {expected.issuer}.")
    return Finding("issuer", False, f"Its issuer is {_shown(value)}, and this trust zone is {expected.issuer}.")


def _audience(value: object, expected: Expected) -> Finding:
    named = value if isinstance(value, list) else [value]
    found = next((audience for audience in named if audience in expected.audiences), None)
    if found is not None:
        return Finding("audience", True, f"Its audience is {found}.")
    accepted = ", ".join(expected.audiences[:5]) + "…" * (len(expected.audiences) > 5) or "none: there is no deployment yet"
    return Finding("audience", False, f"Its audience is {_shown(named[0] if named else None)}; expected is {accepted}.")


def _moment(value: object) -> datetime | None:
    """A NumericDate (RFC 7519 section 2)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LAST_MOMENT:
        return None
    return datetime.fromtimestamp(value, UTC)


def _times(claims: dict[str, Any], now: datetime) -> Iterator[Finding]:
    clock = f"the clock here says {clocks.exact(now)}"
    ends, begins, made = (_moment(claims.get(name)) for name in ("exp", "nbf", "iat"))
    if ends is None:
        yield Finding("time", False, "It has no expiry time (exp), so it would never expire.")
    elif ends <= now:
        yield Finding(
            "time",
            False,
            f"It expired at {clocks.exact(ends)} by the clock of the machine that made it, and {clock}. Make another token, or set the clock.",
        )
    elif (begins or now) > now or (made or now) > now:
        yield Finding(
            "time",
            False,
            f"It is valid from {clocks.exact(max(begins or now, made or now))} by the clock of the machine that made it, and {clock}. Set the wrong clock.",
        )
    else:
        yield Finding("time", True, f"It is valid until {clocks.exact(ends)}, and {clock}.")
    for name in ("nbf", "iat"):
        if name in claims and _moment(claims[name]) is None:
            yield Finding("time", False, f"Its {name} is not a time.")
