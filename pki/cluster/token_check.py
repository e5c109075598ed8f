"""Checking a token that claims to come from this site, with each finding in words (RFC 7519, RFC 8725)."""

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
BRINGS_A_KEY = ("jwk", "jku", "x5c", "x5u")
LAST_MOMENT = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `code` is stable, `text` is for a person."""

    code: str
    good: bool
    text: str


@dataclass(frozen=True)
class SiteKey:
    """A cluster certificate of the site, and what is said of its key: `good` unless nothing may be signed with it any more."""

    certificate: x509.Certificate
    name: str
    good: bool


@dataclass(frozen=True)
class Expected:
    """Who must have issued the token, and for whom."""

    issuer: str
    audiences: tuple[str, ...]


@dataclass(frozen=True)
class Checked:
    """What was found. The claims are what the token says, believed or not."""

    findings: tuple[Finding, ...]
    claims: dict[str, Any]

    @property
    def accepted(self) -> bool:
        return all(each.good for each in self.findings)


class _Unreadable(Exception):
    """Not a compact JWS over JSON; the text is a finding."""


def _part(text: str, what: str) -> bytes:
    # Another spelling of the same bytes would be another token with the same signature.
    if not PART.fullmatch(text):
        raise _Unreadable(f"The {what} is not base64url: a letter, a dash or the end was lost, or a space or line break came in.")
    try:
        content = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        content = b""
    if urlsafe_b64encode(content).decode().rstrip("=") != text:
        raise _Unreadable(f"The {what} is not base64url as RFC 7515 spells it: it was cut or changed.")
    return content


def _object(text: str, what: str) -> dict[str, Any]:
    try:
        content = json.loads(_part(text, what))
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise _Unreadable(f"The {what} is no JSON object: this is no token, or it was changed.")
    return content


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    if len(token) > LARGEST_TOKEN:
        raise _Unreadable(f"This has {len(token)} characters; a token has at most {LARGEST_TOKEN}.")
    parts = token.split(".")
    if len(parts) != 3:
        raise _Unreadable(f"A token has three parts with dots between them; this has {len(parts)}. Paste the whole of it.")
    header, claims = _object(parts[0], "first part"), _object(parts[1], "second part")
    if parts[2]:
        _part(parts[2], "signature")
    return header, claims


def token_check(token: str, *, keys: Sequence[SiteKey], expected: Expected, now: datetime) -> Checked:
    """Every finding at once, so that nobody mends one to meet the next. `keys`: the one in force first."""
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
    """What a token says, for a page: half a character could not even be sent."""
    if not isinstance(value, str):
        return "missing" if value is None else "no text"
    return f"“{''.join(each if each.isprintable() else '?' for each in value[:80])}”"


def _algorithm(told: object) -> Finding:
    if told == ALGORITHM:
        return Finding("algorithm", True, "Its algorithm is RS256.")
    if isinstance(told, str) and told.lower() == "none":
        text = "Its algorithm is none: nobody signed it, so anybody may have written it."
    elif isinstance(told, str) and told.upper().startswith("HS"):
        text = f"Its algorithm is {_shown(told)}, which signs with a shared secret: whoever has the public key could have made it."
    else:
        text = f"Its algorithm is {_shown(told)}."
    return Finding("algorithm", False, f"{text} Only RS256 is accepted.")


def _type(header: dict[str, Any]) -> Iterator[Finding]:
    told = header.get("typ", TOKEN_TYPE)
    if told == PROOF_TYPE:
        yield Finding("type", False, "This is a node's proof for the console, and passes for no token.")
    elif not isinstance(told, str) or told.upper() != TOKEN_TYPE:
        yield Finding("type", False, f"Its type is {_shown(told)}; a token has the type JWT.")
    if "crit" in header:
        yield Finding("type", False, "It demands header parameters that are not known here (crit).")


def _own_keys(header: dict[str, Any]) -> Iterator[Finding]:
    brought = [name for name in BRINGS_A_KEY if name in header]
    if brought:
        yield Finding("own key", False, f"It brings or names a key of its own ({', '.join(brought)}). Only this site's keys count.")


def _signature(token: str, header: dict[str, Any], keys: Sequence[SiteKey]) -> Finding:
    if header.get("alg") != ALGORITHM:
        return Finding("signature", False, "Its signature was not looked at: the algorithm is not accepted.")
    kid = header.get("kid")
    named = [each for each in keys if kid is None or key_id(each.certificate) == kid]
    signer = next((each for each in named if signature_holds(token, each.certificate)), None)
    if signer is not None:
        return Finding("signature", signer.good, f"Signed with the key of {signer.name}, key id {key_id(signer.certificate)}.")
    if named and kid is not None:
        return Finding("signature", False, f"It names the key of {named[0].name}, which did not sign it: it was changed, or forged.")
    if kid is None:
        return Finding(
            "signature", False, "It names no key, and none of this site's keys signed it: it was changed, or another site's key signed it."
        )
    return Finding("signature", False, f"It names the key {_shown(kid)}, which is none of this site's: another site's key signed it.")


def _issuer(told: object, expected: Expected) -> Finding:
    if told == expected.issuer:
        return Finding("issuer", True, f"Its issuer is this trust zone, {expected.issuer}.")
    return Finding("issuer", False, f"Its issuer is {_shown(told)}, and this trust zone is {expected.issuer}.")


def _audience(told: object, expected: Expected) -> Finding:
    named = told if isinstance(told, list) else [told]
    found = next((each for each in named if each in expected.audiences), None)
    if found is not None:
        return Finding("audience", True, f"Its audience is {found}.")
    wanted = ", ".join(expected.audiences[:5]) + "…" * (len(expected.audiences) > 5) or "none: there is no deployment yet"
    return Finding("audience", False, f"Its audience is {_shown(named[0] if named else None)}; expected is {wanted}.")


def _moment(told: object) -> datetime | None:
    """A NumericDate (RFC 7519 section 2)."""
    if isinstance(told, bool) or not isinstance(told, int | float) or not 0 <= told <= LAST_MOMENT:
        return None
    return datetime.fromtimestamp(told, UTC)


def _times(claims: dict[str, Any], now: datetime) -> Iterator[Finding]:
    clock = f"the clock here says {clocks.exact(now)}"
    ends, begins, made = (_moment(claims.get(name)) for name in ("exp", "nbf", "iat"))
    if ends is None:
        yield Finding("time", False, "It says no time at which it ends (exp), so it would be good for ever.")
    elif ends <= now:
        yield Finding(
            "time", False, f"It ended at {clocks.exact(ends)} by the clock of who made it; {clock}. Make another, or set the clock."
        )
    elif (begins or now) > now or (made or now) > now:
        yield Finding(
            "time",
            False,
            f"It begins at {clocks.exact(max(begins or now, made or now))} by the clock of who made it; {clock}. Set the clock that is wrong.",
        )
    else:
        yield Finding("time", True, f"It is good until {clocks.exact(ends)}; {clock}.")
    for name in ("nbf", "iat"):
        if name in claims and _moment(claims[name]) is None:
            yield Finding("time", False, f"Its {name} is no time.")
