"""Sign-in of API clients by token."""

from typing import Any

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from people.models import ApiToken
from people.tokens.services import token_digest
from pki.core import clocks
from pki.core.commands import QMC


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Token …`"""

    def authenticate(self, request: Request) -> tuple[Any, ApiToken] | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "token":
            return None
        row = ApiToken.objects.select_related("user").filter(digest=token_digest(token.strip()), user__is_active=True).first()
        if row is None:
            raise exceptions.AuthenticationFailed(f"This token is unknown. Make one with `{QMC} create_token`.")
        if row.expires_at is not None and row.expired(timezone.now()):
            raise exceptions.AuthenticationFailed(
                f"This token, {row.name}, expired on {clocks.stamp(row.expires_at)}. Make a new one with `{QMC} create_token`."
            )
        return row.user, row

    def authenticate_header(self, request: Request) -> str:
        return "Token"


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes tokens in the schema."""

    target_class, name = TokenAuthentication, "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": f"`Token …`, made by `{QMC} create_token`"}
