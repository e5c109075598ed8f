"""What the provider says about itself: its addresses and its keys (OpenID Connect Discovery 1.0). Both are kept for a bounded time."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import jwt

from outbound.errors import OutboundFailed
from outbound.http import LARGEST_ANSWER, Answer, send, url_checked
from people.provider.failures import SignInFailed
from people.provider.models import IdentityProvider
from people.provider.services import LOCAL_HOSTS, WELL_KNOWN

KEPT_S = 600.0
ADDRESSES = ("authorization_endpoint", "token_endpoint", "jwks_uri")
USERINFO = "userinfo_endpoint"
_kept: dict[tuple[str, ...], tuple[float, Any]] = {}


@dataclass(frozen=True)
class Document:
    """The discovery document of the issuer, with checked addresses."""

    values: Mapping[str, Any]

    def __getitem__(self, name: str) -> str:
        return str(self.values[name])

    @property
    def userinfo(self) -> str:
        return str(self.values.get(USERINFO) or "")


def document_of(row: IdentityProvider) -> Document:
    """Raises: SignInFailed."""
    return _once(row, "document", lambda: _document(row))  # type: ignore[no-any-return]


def key_of(row: IdentityProvider, document: Document, kid: str) -> jwt.PyJWK | None:
    """The key with this id. If the kept keys do not have it, they are fetched once more: the provider may have rotated them. Raises: SignInFailed."""
    for is_fresh in (False, True):
        if is_fresh:
            _kept.pop(_place(row, "keys"), None)
        keys = _once(row, "keys", lambda: _keys(row, document["jwks_uri"]))
        found = [key for key in keys if key.key_id == kid] or ([] if kid else keys if len(keys) == 1 else [])
        if found:
            return found[0]  # type: ignore[no-any-return]
    return None


def asked(row: IdentityProvider, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
    """One request to the provider. Raises: SignInFailed if there is no answer."""
    try:
        return send(method, url, {"Accept": "application/json", **headers}, body, authorities=row.authorities)
    except OutboundFailed as exc:
        raise SignInFailed("provider-unreachable", str(exc)) from exc


def json_of(answer: Answer, url: str) -> dict[str, Any]:
    """The object in an answer. Raises: SignInFailed."""
    place = urlsplit(url).netloc
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        large = len(answer.body) >= LARGEST_ANSWER
        why = f"more than {LARGEST_ANSWER // 1024} KiB" if large else f"no JSON (HTTP {answer.status})"
        raise SignInFailed("provider-document", f"{place} answered {why}. Check the issuer, and check the log of the provider.") from None
    if not isinstance(found, dict):
        raise SignInFailed("provider-document", f"{place} answered JSON that is no object. Check the issuer.")
    return found


def _place(row: IdentityProvider, what: str) -> tuple[str, ...]:
    return (what, row.issuer, row.authorities, *row.further_hosts)


def _once(row: IdentityProvider, what: str, fetch: Any) -> Any:
    """What was fetched within the last minutes, or is fetched now."""
    place, now = _place(row, what), time.monotonic()
    if (kept := _kept.get(place)) and now - kept[0] < KEPT_S:
        return kept[1]
    found = fetch()
    if len(_kept) > 10:  # the settings were changed that often
        _kept.clear()
    _kept[place] = now, found
    return found


def _document(row: IdentityProvider) -> Document:
    url = row.issuer.rstrip("/") + WELL_KNOWN
    answer = asked(row, "GET", url, {})
    if answer.status != 200:
        raise SignInFailed("provider-document", f"{url} answered HTTP {answer.status}. Check the issuer.")
    values = json_of(answer, url)
    issuer = values.get("issuer")
    if issuer != row.issuer:
        given = f"“{str(issuer)[:200]}”" if issuer else "no issuer"
        raise SignInFailed(
            "provider-document",
            f"The provider names {given}, and the settings have “{row.issuer}”. Enter the issuer exactly as the provider does.",
        )
    for name in ADDRESSES:
        _check(row, name, values.get(name))
    if values.get(USERINFO):
        _check(row, USERINFO, values[USERINFO])
    return Document(values)


def _check(row: IdentityProvider, name: str, url: Any) -> None:
    """Raises: SignInFailed."""
    try:
        parts = url_checked(url if isinstance(url, str) else "")
    except ValueError as exc:
        raise SignInFailed("provider-document", f"The provider gives no usable address as {name}. Check the issuer.") from exc
    if parts.scheme != "https" and parts.hostname not in LOCAL_HOSTS:
        raise SignInFailed(
            "provider-document",
            f"The address that the provider gives as {name} does not begin with https://. Correct this at the provider.",
        )
    if parts.hostname not in (urlsplit(row.issuer).hostname, *(host.lower() for host in row.further_hosts)):
        raise SignInFailed(
            "provider-document",
            f"The provider gives an address on another host as {name}: {parts.hostname}. If it belongs to your provider, add it to the further hosts.",
        )


def _keys(row: IdentityProvider, url: str) -> list[jwt.PyJWK]:
    answer = asked(row, "GET", url, {})
    if answer.status != 200:
        raise SignInFailed("provider-document", f"{url} answered HTTP {answer.status} instead of keys. Check the provider.")
    try:
        return jwt.PyJWKSet.from_dict(json_of(answer, url)).keys
    except (jwt.PyJWTError, TypeError, ValueError, AttributeError) as exc:
        raise SignInFailed("provider-document", f"{url} has no key that the console can use. Check the provider.") from exc
