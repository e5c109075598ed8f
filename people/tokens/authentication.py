"""Sign-in of API clients by token."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from audit.actors import Actor
from audit.models import Outcome
from audit.record import record
from audit.request import CredentialKind, credential_use
from people.models import ApiToken
from people.sign_in.guessing import first_of_ten_minutes, network_of
from people.tokens.models import Scope
from people.tokens.rate import request_count
from people.tokens.services import is_whole, token_digest
from pki.core import clocks
from pki.core.addresses import in_networks
from pki.core.commands import QMC
from web.database_problem import dispensable
from web.middleware import address_of

SCHEMES = ("bearer", "token")
MAKE = f"Make one on the page of your account, or with `{QMC} create_token`."
LAST_USE_EVERY = timedelta(minutes=1)


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer …` (RFC 6750, section 2.1) or `Token …`"""

    def authenticate(self, request: Request) -> tuple[Any, ApiToken] | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() not in SCHEMES:
            return None
        now = timezone.now()
        row = token_checked(token.strip(), address=address_of(request), now=now)
        if rate := request_count(row.pk, now=now):
            request._request.answer_headers = rate.headers()  # type: ignore[attr-defined]
            rate.require()
        return row.user, row

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def token_checked(token: str, *, address: str, now: datetime) -> ApiToken:
    """The row of a token that may be used from `address`. Records the use. Raises: AuthenticationFailed, with the reason and the remedy."""
    if not is_whole(token):
        raise exceptions.AuthenticationFailed("This is not a whole token: characters are missing or wrong. Copy it again.")
    row = ApiToken.objects.select_related("user").filter(digest=token_digest(token)).first()
    if row is None:
        raise exceptions.AuthenticationFailed(f"This token is unknown. {MAKE}")
    credential_use(CredentialKind.TOKEN, row.pk)
    if reason := _refusal(row, address, now):
        _record_refused(row, address, reason, now)
        raise exceptions.AuthenticationFailed(reason)
    due = Q(last_used_at=None) | Q(last_used_at__lt=now - LAST_USE_EVERY) | ~Q(last_used_from=address)
    if row.last_used_at is None or row.last_used_from != address or row.last_used_at < now - LAST_USE_EVERY:
        with dispensable("the use of a token"):
            ApiToken.objects.filter(due, pk=row.pk).update(last_used_at=now, last_used_from=address or None)
    return row


def calendar_actor(token: str, *, address: str, now: datetime) -> Actor:
    """Who reads the calendar file with `token`. Raises: AuthenticationFailed, with the reason and the remedy."""
    if not token:
        raise exceptions.AuthenticationFailed(f"The address of the calendar ends with ?token= and a token of the scope calendar. {MAKE}")
    row = token_checked(token, address=address, now=now)
    if Scope.CALENDAR not in row.scopes:
        raise exceptions.AuthenticationFailed(
            f"The token {row.name} is not for calendars. If you wrote it into an address, revoke it: others can read it there. "
            "Then make one of the scope calendar."
        )
    return Actor("token", str(row), row.user, row.calendar_limit)


def _refusal(row: ApiToken, address: str, now: datetime) -> str:
    """Why the token may not be used. "" if it may."""
    if row.revoked_at is not None:
        return f"This token, {row.name}, was revoked on {clocks.stamp(row.revoked_at)}. {MAKE}"
    if row.expires_at is not None and row.expired(now):
        return f"This token, {row.name}, expired on {clocks.stamp(row.expires_at)}. {MAKE}"
    if not row.user.is_active:
        return f"The account of this token, {row.user.get_username()}, is deactivated. Use a token of another account."
    if row.addresses and not in_networks(address, row.addresses):
        return f"This token, {row.name}, may not be used from {address}. Use it from another address, or make a token that allows this one."
    return ""


def _record_refused(row: ApiToken, address: str, reason: str, now: datetime) -> None:
    """One event in ten minutes for each token and address. Of IPv6 it is the network, which has more addresses than a log can hold."""
    if first_of_ten_minutes("token-refused", str(row.pk), network_of(address) if address else "", now=now):
        detail = {"user": row.user.get_username(), "name": row.name, "address": address, "reason": reason}
        record(actor=Actor("token", str(row)), action="token.refused", target=row, detail=detail, outcome=Outcome.REFUSED, now=now)


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes tokens in the schema."""

    target_class, name = TokenAuthentication, "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": f"a token, made by `{QMC} create_token` or on the page of your account"}
