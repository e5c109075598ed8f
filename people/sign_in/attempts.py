"""Attempts to sign in: each is counted before it is checked, and a wrong one is recorded. Sign-ins are recorded with their means."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from allauth.account.internal.flows.login import get_authentication_records
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from audit.actors import Actor
from audit.models import Outcome
from audit.record import record
from people.sign_in.guessing import first_of_ten_minutes, guess_counted, guess_taken_back
from pki.core import clocks
from web.middleware import address_of

WORDS = {"webauthn": "passkey", "recovery_codes": "recovery code"}  # what allauth calls otherwise


def attempt_begin(request: HttpRequest, username: str, *, now: datetime) -> None:
    """Count an attempt. Raises: ValidationError after too many wrong ones. The right one is refused too, then."""
    wait = guess_counted(request, username, address=address_of(request), now=now)
    if wait is not None:
        _refused(request, username, now)
        raise ValidationError(f"Too many wrong passwords or codes. Wait {clocks.length(wait)}, then try again.", "too_many_login_attempts")


def _refused(request: HttpRequest, username: str, now: datetime) -> None:
    """Record a refused attempt on an account that exists, once in ten minutes for each account: a guesser can have many addresses."""
    user = User.objects.select_related("person").filter(username__iexact=username).first()
    if user is not None and first_of_ten_minutes("sign-in-refused", str(user.pk), now=now):
        _record(request, user, [], Outcome.REFUSED, now)


def attempt_right(request: HttpRequest, username: str, *, now: datetime) -> None:
    guess_taken_back(request, username, address=address_of(request), now=now)


def attempt_wrong(request: HttpRequest, user: User, *, means: str, now: datetime) -> None:
    _record(request, user, [means], Outcome.FAILED, now)


@contextmanager
def attempt(request: HttpRequest, user: User, *, means: str, now: datetime) -> Iterator[None]:
    """An attempt with a second factor. What is inside raises ValidationError if it is wrong. Raises: ValidationError."""
    attempt_begin(request, user.get_username(), now=now)
    try:
        yield
    except ValidationError:
        attempt_wrong(request, user, means=means, now=now)
        raise
    attempt_right(request, user.get_username(), now=now)


def signed_in(request: HttpRequest, user: User, *, now: datetime) -> None:
    """Record a sign-in with all its means."""
    used = [one for one in get_authentication_records(request, user) if not one.get("reauthenticated")]
    names = [str(one.get("type") or one.get("provider") or one["method"]) for one in used]
    _record(request, user, [WORDS.get(name, name) for name in names], Outcome.DONE, now)


def _record(request: HttpRequest, user: User, means: list[str], outcome: Outcome, now: datetime) -> None:
    detail = {"address": address_of(request), "means": means}
    record(
        actor=Actor("user", user.get_username(), user), action="person.sign-in", target=user.person, detail=detail, outcome=outcome, now=now
    )
