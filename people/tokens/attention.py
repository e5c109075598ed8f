"""Tokens that expire."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Q

from attention.expiring import Endless, Expiring, by_hand, expiring_register
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
