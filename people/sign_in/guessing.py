"""Slow down guessing, for each account and each address. A browser that has signed in to an account before has a counter of its own."""

import hashlib
import ipaddress
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from jobs.leases import SKEW
from people.models import Guesses, KnownBrowser

QUIET = timedelta(minutes=10)
WINDOW, OF_ACCOUNT, OF_ADDRESS, MOST_BROWSERS = timedelta(minutes=5), 5, 20, 10
SALT, COOKIE_LASTS = "people.known-browser", timedelta(days=400)


def guess_counted(request: HttpRequest, username: str, *, address: str, now: datetime) -> timedelta | None:
    """Count one attempt to sign in. Returns how long to wait, if there have been too many: then nothing may be checked."""
    return counted(_limits(request, username, address), now=now)


@transaction.atomic
def counted(limits: Mapping[str, int], *, now: datetime, window: timedelta = WINDOW) -> timedelta | None:
    """Count one event for each key. Returns how long to wait, if one of them is at its limit: then nothing is counted."""
    rows = _locked(limits, now=now, window=window)
    waits = [row.began_at + window - now for row in rows if row.count >= limits[row.key]]
    if waits:
        return max(waits)
    for row in rows:
        row.count += 1
        row.save(update_fields=["count", "began_at"])
    return None


@transaction.atomic
def counts_take(key: str, most: int, *, limit: int, window: timedelta, now: datetime) -> tuple[int, int, datetime]:
    """Count up to `most` events at once, as many as the limit leaves. Returns how many, how many the limit leaves now, and when the window began."""
    (row,) = _locked([key], now=now, window=window)
    taken = max(0, min(most, limit - row.count))
    row.count += taken
    row.save(update_fields=["count", "began_at"])
    return taken, max(0, limit - row.count), row.began_at


def first_of_ten_minutes(*words: str, now: datetime) -> bool:
    """Whether this was not counted in the last ten minutes. Then it is counted. If it was, only one row is read."""
    key = count_key(*words)
    recent = Guesses.objects.filter(key=key, count__gte=1, began_at__gt=now - QUIET, began_at__lte=now)
    return not recent.exists() and counted({key: 1}, now=now, window=QUIET) is None


@transaction.atomic
def guess_taken_back(request: HttpRequest, username: str, *, address: str, now: datetime) -> None:
    """The password was right, so this attempt does not count."""
    for row in _locked(_limits(request, username, address), now=now):
        row.count = max(row.count - 1, 0)
        row.save(update_fields=["count", "began_at"])


def guesses_forget(*, now: datetime) -> int:
    """Delete counts that are over. Returns how many."""
    return Guesses.objects.filter(began_at__lt=now - max(WINDOW, QUIET)).delete()[0]


def _locked(keys: Iterable[str], *, now: datetime, window: timedelta = WINDOW) -> list[Guesses]:
    """The rows, locked in one order. A count that is over starts again, as does one that began in the future: then the clock was set back."""
    Guesses.objects.bulk_create([Guesses(key=key, count=0, began_at=now) for key in sorted(keys)], ignore_conflicts=True)
    rows = list(Guesses.objects.select_for_update().filter(key__in=keys).order_by("key"))
    for row in rows:
        if not now - window < row.began_at <= now + SKEW:
            row.count, row.began_at = 0, now
    return rows


def _limits(request: HttpRequest, username: str, address: str) -> dict[str, int]:
    """What is counted for this attempt, with its limit."""
    name = username.casefold()
    if browser := _known(request, username):
        return {count_key("browser", name, browser): OF_ACCOUNT}
    return {count_key("account", name): OF_ACCOUNT, count_key("address", network_of(address)): OF_ADDRESS}


def count_key(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()


def network_of(address: str) -> str:
    """The address, or of IPv6 its /64 network: one customer has all of it."""
    found = ipaddress.ip_address(address)
    return str(ipaddress.ip_network((address, 64), strict=False)) if found.version == 6 else address


def _cookie_name() -> str:
    return settings.SESSION_COOKIE_NAME.replace("session", "browser", 1)


def _number(request: HttpRequest) -> str:
    """The random number in the cookie of this browser, "" if it has none that this site signed."""
    try:
        return str(request.get_signed_cookie(_cookie_name(), salt=SALT))
    except (KeyError, signing.BadSignature):
        return ""


def _known(request: HttpRequest, username: str) -> str:
    """The digest of this browser, if it has signed in to this account. Else ""."""
    if not (number := _number(request)):
        return ""
    digest = count_key(number)
    return digest if KnownBrowser.objects.filter(user__username__iexact=username, digest=digest).exists() else ""


def browser_remember(request: HttpRequest, response: HttpResponse, user: User, *, now: datetime) -> None:
    """This browser has signed in: from now on it has a counter of its own. Of each account, the ten browsers used last are kept."""
    number = _number(request) or secrets.token_urlsafe(32)
    with transaction.atomic():
        KnownBrowser.objects.update_or_create(user=user, digest=count_key(number), defaults={"used_at": now})
        kept = KnownBrowser.objects.filter(user=user).order_by("-used_at", "-pk").values_list("pk", flat=True)[:MOST_BROWSERS]
        KnownBrowser.objects.filter(user=user).exclude(pk__in=list(kept)).delete()
    response.set_signed_cookie(_cookie_name(), number, salt=SALT, max_age=COOKIE_LASTS, secure=True, httponly=True, samesite="Lax")
