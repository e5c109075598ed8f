"""The actor of work that goes on after its request."""

import uuid

from django.contrib.auth.models import User

from audit.actors import Actor
from people.models import ApiToken


def actor_now(*, account: int | None, token: uuid.UUID | None) -> Actor | None:
    """The person or token with the permissions that they have now. None if the account is deactivated or gone, or the token can no longer be used."""
    if token is not None:
        row = ApiToken.objects.usable().select_related("user").filter(pk=token, user=account).first()
        return Actor("token", str(row), row.user, row.limit, row.pk) if row else None
    user = User.objects.filter(pk=account, is_active=True).first() if account is not None else None
    return Actor("user", user.get_username(), user) if user else None
