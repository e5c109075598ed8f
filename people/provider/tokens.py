"""From the code to the claims: exchange the code, verify the ID token (OpenID Connect Core 1.0, section 3.1.3.7), read the userinfo answer."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import jwt

from people.provider.discovery import Document, asked, json_of, key_of
from people.provider.failures import SignInFailed, printable
from people.provider.models import IdentityProvider
from pki.core import clocks

LEEWAY = timedelta(minutes=2)
# Keys of the provider only. With an algorithm of a shared secret, everybody who has the public key could sign.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LONGEST_SUBJECT, LONGEST_NAME, MOST_GROUPS, LONGEST_GROUP = 191, 200, 500, 300  # a subject: as allauth stores it
CODE_REFUSED, CLIENT_REFUSED = ("invalid_grant",), ("invalid_client", "unauthorized_client")
TOO_MANY = "The provider sends too many groups to list them, and a reference instead. Let it send only the groups of this application."


@dataclass(frozen=True)
class Claims:
    """What the provider says of a person. `names` are those of all claims. `remark`: why there may be no groups. `asked_at`: when the person typed the password there."""

    subject: str
    name: str
    groups: tuple[str, ...]
    names: tuple[str, ...]
    remark: str = ""
    asked_at: float | None = None


def code_exchanged(
    row: IdentityProvider, document: Document, *, secret: str, by_header: bool, code: str, verifier: str, redirect_uri: str
) -> dict[str, Any]:
    """The answer of the token endpoint. `by_header`: client ID and secret are sent as the header Authorization. Raises: SignInFailed."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "code_verifier": verifier}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if by_header:  # RFC 6749, section 2.3.1
        pair = f"{quote_plus(row.client_id)}:{quote_plus(secret)}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        form |= {"client_id": row.client_id, "client_secret": secret}
    url = document["token_endpoint"]
    answer = asked(row, "POST", url, headers, urlencode(form).encode())
    found = json_of(answer, url)
    if answer.status == 200 and isinstance(found.get("id_token"), str):
        return found
    error = word(found.get("error"))
    said = f"{urlsplit(url).netloc} answered HTTP {answer.status}{f', {error}' if error else ''}{_description(found, secret)}."
    if error in CODE_REFUSED:
        raise SignInFailed("code-refused", said)
    if error in CLIENT_REFUSED or answer.status == 401:
        raise SignInFailed(
            "client-refused", f"{said} Enter the client ID and the client secret again. A secret can also have expired at the provider."
        )
    if answer.status == 200:
        raise SignInFailed("token-invalid", f"{said} The answer has no ID token. Check that openid is among the scopes.")
    raise SignInFailed("provider-refused", said)


def word(text: Any) -> str:
    """An error code (RFC 6749, section 5.2), or ""."""
    return text if isinstance(text, str) and re.fullmatch(r"[\w.-]{1,60}", text, re.ASCII) else ""


def _description(found: Mapping[str, Any], secret: str) -> str:
    text = str(found.get("error_description") or "")[:300]
    return f": {text.replace(secret, '…').rstrip('.')}" if text else ""


def id_token_verified(row: IdentityProvider, document: Document, token: str, *, nonce: str, now: datetime) -> tuple[dict[str, Any], str]:
    """The claims of an ID token, and the words for its proof. Raises: SignInFailed."""
    try:
        header = jwt.get_unverified_header(token)
        algorithm, kid = str(header.get("alg")), str(header.get("kid") or "")
        if algorithm not in ALGORITHMS:
            raise SignInFailed("token-invalid", f"The ID token is signed with {algorithm[:20]}. Let the provider sign with RS256.")
        key = key_of(row, document, kid)
        if key is None:
            raise SignInFailed(
                "token-invalid", f"The ID token is signed with the key {kid[:80]}, which is not among the keys of the provider."
            )
        claims = jwt.decode(
            token, key.key, algorithms=[algorithm], audience=row.client_id, issuer=row.issuer,
            options={"require": ["iss", "sub", "aud", "exp", "iat"], "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )  # fmt: skip
    except (jwt.PyJWTError, TypeError, ValueError, RecursionError) as exc:
        raise SignInFailed("token-invalid", f"The ID token is refused: {str(exc)[:200].rstrip('.')}.") from exc
    _bound(row, claims, nonce)
    ahead = _clock_checked(row, claims, now)
    subject = claims["sub"]
    if not isinstance(subject, str) or not 1 <= len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
        raise SignInFailed("token-invalid", f"The identifier (sub) must have 1 to {LONGEST_SUBJECT} printable characters.")
    return (
        claims,
        f"Signed with {algorithm}. Issuer, audience, nonce and times are right. The clocks differ by {clocks.length(abs(ahead))}.",
    )


def _bound(row: IdentityProvider, claims: Mapping[str, Any], nonce: str) -> None:
    """The token was made for this attempt and this client. Raises: SignInFailed."""
    if claims.get("nonce") != nonce:
        raise SignInFailed("token-invalid", "The ID token belongs to another sign-in: its nonce is another one.")
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if several else row.client_id) != row.client_id:
        raise SignInFailed("token-invalid", "The ID token was made for another client: its azp is not the client ID of this console.")


def _clock_checked(row: IdentityProvider, claims: Mapping[str, Any], now: datetime) -> timedelta:
    """By how much the clock of the provider is ahead. The token was made a moment ago, so it shows that clock. Raises: SignInFailed."""
    try:
        issued, expires = (datetime.fromtimestamp(claims[name], UTC) for name in ("iat", "exp"))
    except (TypeError, ValueError, OverflowError, OSError) as exc:
        raise SignInFailed("token-invalid", "The times of the ID token (iat, exp) are no times.") from exc
    ahead = issued - now
    if abs(ahead) > LEEWAY or expires <= now - LEEWAY:
        host = urlsplit(row.issuer).hostname
        both = clocks.apart(f"{host}'s", issued, "the central node's", now)
        raise SignInFailed("clock", f"{both}. At most {clocks.length(LEEWAY)} are allowed. Set the wrong one (NTP).")
    return ahead


def claims_read(row: IdentityProvider, document: Document, id_token: Mapping[str, Any], access_token: Any) -> Claims:
    """The claims that the settings name. Those that the ID token lacks are in the userinfo answer. Raises: SignInFailed."""
    found = dict(id_token)
    if document.userinfo and isinstance(access_token, str) and not {row.name_claim, row.groups_claim} <= found.keys():
        found = _userinfo(row, document.userinfo, access_token, found["sub"]) | found
    name = found.get(row.name_claim)
    references = found.get("_claim_names")
    remark = TOO_MANY if isinstance(references, dict) and row.groups_claim in references else ""
    asked_at = id_token.get("auth_time")
    return Claims(
        found["sub"],
        name if isinstance(name, str) and len(name) <= LONGEST_NAME and name.isprintable() else "",
        _texts(found.get(row.groups_claim)),
        tuple(sorted(printable(claim) for claim in found)),
        remark,
        asked_at if isinstance(asked_at, int | float) else None,
    )


def _userinfo(row: IdentityProvider, url: str, access_token: str, subject: str) -> dict[str, Any]:
    answer = asked(row, "GET", url, {"Authorization": f"Bearer {access_token}"})
    if answer.status != 200:
        raise SignInFailed(
            "provider-refused", f"{urlsplit(url).netloc} answered HTTP {answer.status} when it was asked about the person (userinfo)."
        )
    found = json_of(answer, url)
    if found.get("sub") != subject:
        raise SignInFailed("token-invalid", "The userinfo answer is about another person: its sub is another one.")
    return found


def _texts(value: Any) -> tuple[str, ...]:
    """The groups of a claim: a list of texts, or one text."""
    given = value if isinstance(value, list) else [value]
    return tuple(
        dict.fromkeys(
            group for group in given[:MOST_GROUPS] if isinstance(group, str) and 1 <= len(group) <= LONGEST_GROUP and group.isprintable()
        )
    )
