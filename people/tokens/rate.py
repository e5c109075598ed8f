"""How many requests a token may send in a minute. docs/develop/api.md says how several processes count together."""

import math
import threading
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from jobs.leases import SKEW
from people.sign_in.guessing import count_key, counts_take
from web.database_problem import dispensable
from web.errors import TooManyRequests

WINDOW, SHARES, MOST_HELD = timedelta(minutes=1), 20, 10_000


@dataclass
class Share:
    """What this process may still use of a window, and what nobody has taken of it."""

    began_at: datetime
    left: int
    rest: int

    def is_of(self, now: datetime) -> bool:
        return self.began_at - SKEW <= now < self.began_at + WINDOW


@dataclass(frozen=True)
class Rate:
    """The limit of a token after a request. `seconds`: until it is counted anew."""

    limit: int
    left: int
    seconds: int
    is_over: bool

    def headers(self) -> dict[str, str]:
        """draft-ietf-httpapi-ratelimit-headers-10."""
        return {
            "RateLimit-Policy": f'"token";q={self.limit};w={int(WINDOW.total_seconds())}',
            "RateLimit": f'"token";r={self.left};t={self.seconds}',
        }

    def require(self) -> None:
        """Raises: TooManyRequests."""
        if self.is_over:
            raise TooManyRequests(
                f"This token has sent {self.limit} requests in a minute, and may send no more. Send the request again in {self.seconds} s.",
                headers={"Retry-After": str(self.seconds)},
            )


_held: OrderedDict[uuid.UUID, Share] = OrderedDict()
_lock = threading.Lock()


def request_count(token: uuid.UUID, *, now: datetime) -> Rate | None:
    """Count one request. None if there is no limit, or nothing can be counted now."""
    limit: int = settings.QMC_TOKEN_REQUESTS
    if not limit:
        return None
    while (rate := _used(token, limit, now)) is None:
        if (taken := _taken(token, limit, now)) is None:
            return None
        _add(token, taken)
    return rate


def _taken(token: uuid.UUID, limit: int, now: datetime) -> Share | None:
    """A share of the window from the row of the token. None while the database takes no changes."""
    with dispensable("the requests of a token"):
        most = max(1, limit // SHARES)
        taken, rest, began_at = counts_take(count_key("token-requests", str(token)), most, limit=limit, window=WINDOW, now=now)
        return Share(began_at, taken, rest)
    return None


def _used(token: uuid.UUID, limit: int, now: datetime) -> Rate | None:
    """Use one request of what this process holds. None if it must ask the database."""
    with _lock:
        share = _held.get(token)
        if share is None or not share.is_of(now) or (share.left == 0 and share.rest > 0):
            return None
        is_over = share.left == 0
        share.left -= not is_over
        seconds = min(max(1, math.ceil((share.began_at + WINDOW - now).total_seconds())), int(WINDOW.total_seconds()))
        return Rate(limit, share.left + share.rest, seconds, is_over)


def _add(token: uuid.UUID, taken: Share) -> None:
    """Hold what was taken, beside what another thread took in the same window."""
    with _lock:
        share = _held.pop(token, None)
        if share is not None and share.began_at == taken.began_at:
            taken.left += share.left
        _held[token] = taken
        while len(_held) > MOST_HELD:
            _held.popitem(last=False)
