"""Tokens that expire, and the need of tokens that do not."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet
from django.urls import reverse

from attention.expiring import Endless, Expiring, by_hand, expiring_register
from attention.needs import Look, Many, Need, Severity, affected_register, codes_register, needs_register
from attention.together import Keys
from people.models import ApiToken
from pki.core.commands import QMC

FORGOTTEN = timedelta(days=90)


@expiring_register("people.view_apitoken")
def expiring(now: datetime) -> Iterator[Expiring | Endless]:
    """Tokens of active users, except those that are revoked or expired more than 90 days ago."""
    tokens = ApiToken.objects.select_related("user").filter(user__is_active=True, revoked_at=None).order_by("name", "id")
    for token in tokens.filter(Q(expires_at=None) | Q(expires_at__gte=now - FORGOTTEN)):
        user = token.user.get_username()
        if token.expires_at is None:
            yield Endless(str(token.pk), "token", token.name, user, "It never expires. It is valid until it is revoked.")
            continue
        text = f"Make another with `{QMC} create_token {user} --name NAME --days N`, and use it in the programs that use this one."
        yield Expiring(str(token.pk), "token", token.name, user, user, token.created_at, token.expires_at, by_hand(text), "")


codes_register({"token-endless": "an API token has no expiry date"})


def _tokens() -> QuerySet[ApiToken]:
    return ApiToken.objects.select_related("user")


def _many() -> Many:
    return Many("{count} API tokens have no expiry date", f"{reverse('people:tokens')}?state=endless", "Show tokens")


@affected_register("token-endless", _tokens, _many)
def endless(now: datetime) -> Keys:
    return ApiToken.objects.endless().order_by("name", "pk").values(key=F("pk"))


@needs_register
def needs(look: Look) -> Iterator[Need]:
    """Tokens of earlier versions, which keep their rights until they have an expiry date."""
    for token in look.worst("token-endless"):
        yield Need(
            "token-endless", Severity.INFO, token.name, f"The API token {token.name} has no expiry date",
            f"It belongs to {token.user.get_username()}, and gives the rights of this account until it is revoked.",
            "Give it an expiry date on its page, or revoke it if no program uses it.", f"{reverse('people:tokens')}?state=endless", "Show tokens",
            token.created_at, many=look.many("token-endless"),
        )  # fmt: skip
