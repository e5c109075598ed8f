"""Tokens of API clients."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction

from audit.actors import SYSTEM
from audit.record import record
from people.models import ApiToken
from web.errors import InputInvalid

LONGEST_NAME = 100


def token_digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def token_create(*, user: User, name: str, lasts: timedelta | None = None, now: datetime) -> str:
    """Make a token that acts as `user`. It never expires unless `lasts` is given. Only its digest is stored. Raises: InputInvalid."""
    if not (name.strip() and name.isprintable() and len(name) <= LONGEST_NAME):
        raise InputInvalid({"name": [f"A token has a name of 1 to {LONGEST_NAME} printable characters. No token was made."]})
    token, expires_at = secrets.token_hex(32), now + lasts if lasts else None
    row = ApiToken.objects.create(user=user, name=name, digest=token_digest(token), created_at=now, expires_at=expires_at)
    detail = {"user": user.get_username(), "expires_at": expires_at.isoformat() if expires_at else None}
    record(actor=SYSTEM, action="token.created", target=row, detail=detail, now=now)
    return token


@transaction.atomic
def tokens_revoke(*, user: User, name: str, now: datetime) -> int:
    """Revoke every token of `user` with this name. Their next request is refused. Returns the number."""
    rows = list(ApiToken.objects.filter(user=user, name=name))
    for row in rows:
        record(actor=SYSTEM, action="token.revoked", target=row, detail={"user": user.get_username(), "name": name}, now=now)
        row.delete()
    return len(rows)
