"""The list of tokens, and the format of its rows in the API and in files."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.contrib.auth.models import User
from django.db.models import QuerySet

from audit.actors import Actor
from people.models import ApiToken
from people.tokens.filters import TokenFilter
from web.lists.declared import Column, List

STATES = ("usable", "revoked", "expired", "deactivated")


@dataclass(frozen=True)
class TokenLine:
    """A row of the list."""

    token: ApiToken
    state: str
    rights: str
    last_use: datetime | None


def tokens_shown() -> QuerySet[ApiToken]:
    return ApiToken.objects.select_related("user__person", "created_by__user", "created_with")


def tokens_readable(actor: Actor) -> QuerySet[ApiToken]:
    """The tokens of the account that asks, or all with the permission for those of others. Raises: PermissionRefused."""
    if actor.has_perm("people.view_apitoken"):
        return tokens_shown()
    actor.require("people.add_apitoken")
    return tokens_shown().filter(user=cast(User, actor.user))


def state_of(token: ApiToken, now: datetime) -> str:
    """One of `STATES`."""
    if token.revoked_at:
        return "revoked"
    if token.expired(now):
        return "expired"
    return "usable" if token.user.is_active else "deactivated"


def token_json(token: ApiToken, now: datetime) -> dict[str, Any]:
    """A token without its secret, of which the site has only a digest."""
    return {
        "id": str(token.pk),
        "name": token.name,
        "owner": str(token.user.person.pk),
        "owner_name": token.user.get_username(),
        "role": token.role,
        "scopes": token.scopes,
        "addresses": token.addresses,
        "state": state_of(token, now),
        "created_at": token.created_at,
        "created_by": str(token.created_by) if token.created_by else "",
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
        "last_used_at": token.last_used_at,
        "last_used_from": token.last_used_from or "",
    }


class TokenList(List):
    model = ApiToken
    noun, caption = "token", "Tokens"
    empty = "No tokens yet. Programs that use the API need one."
    filters = TokenFilter
    columns = (
        Column("name", "Token", "people/tokens/cell_name.html", sort="name"),
        Column("owner", "Account", "people/tokens/cell_owner.html", sort="user__username"),
        Column("rights", "May", "people/tokens/cell_rights.html"),
        Column("expires", "Expires", "people/tokens/cell_expires.html"),
        Column("last_use", "Last use", "people/tokens/cell_last_use.html"),
    )
    sort = "name"
    csv = (
        "id", "name", "owner_name", "role", "scopes", "addresses", "state", "created_at", "created_by", "expires_at", "revoked_at",
        "last_used_at", "last_used_from",
    )  # fmt: skip

    def shown(self, rows: list[ApiToken], now: datetime) -> list[TokenLine]:
        return [
            TokenLine(token, state_of(token, now), ", ".join([token.role, *token.scopes]).lstrip(", "), token.last_used_at)
            for token in rows
        ]

    def json(self, rows: list[ApiToken], now: datetime) -> list[dict[str, Any]]:
        return [token_json(token, now) for token in rows]
