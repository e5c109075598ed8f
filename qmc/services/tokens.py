"""Tokens of API clients."""

import hashlib
import secrets
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from audit.actors import SYSTEM
from audit.record import record
from qmc.models import ApiToken


def token_digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def token_create(*, user: User, name: str, now: datetime) -> str:
    """A fresh token that acts as `user`; only its digest is kept."""
    token = secrets.token_hex(32)
    row = ApiToken.objects.create(user=user, name=name, digest=token_digest(token), created_at=now)
    record(actor=SYSTEM, action="token.created", target=row, detail={"user": user.get_username()}, now=now)
    return token
