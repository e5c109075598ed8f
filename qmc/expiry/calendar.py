"""The expiry dates as a calendar that people subscribe to (RFC 5545, RFC 7986)."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from icalendar import TRANSP, Calendar, Event
from rest_framework.exceptions import AuthenticationFailed

from attention.expiring import KINDS, Happens
from audit.actors import Actor, PermissionRefused
from people.tokens.authentication import calendar_actor
from pki.core import clocks
from qmc.expiry.board import BoardRow, Group
from qmc.expiry.everything import Everything
from qmc.expiry.rows import Asked, ExpiryRows
from web.middleware import address_of
from web.words import counted, plural

PRODUCT = "-//trust zone console//expiry dates//EN"
MOST, AGAIN_AFTER = 500, timedelta(hours=6)


def calendar_of(actor: Actor, *, host: str, address: Callable[[str], str], now: datetime) -> Calendar:
    """What `actor` may see: an event for each thing that requires an action, and one for all automatic replacements of a kind and month.

    `host` makes identities unique, `address` completes a path. At most `MOST` single events: the next to expire. Raises: ZoneMissing.
    """
    every = Everything(actor, now, now)
    source = ExpiryRows(every, Asked(happens=Happens.BY_HAND))
    rows = every.built(source.part(size=MOST).rows)
    with_reasons = actor.has_perm("audit.view_reason")
    calendar = Calendar.new(name=f"Expiry dates of {host}", prodid=PRODUCT, uid=f"expiry@{host}", refresh_interval=AGAIN_AFTER)
    for row in rows:
        calendar.add_component(_single(row, host, address, with_reasons, now))
    if (more := source.count() - len(rows)) > 0:
        calendar.add_component(_more(more, rows[-1], host, address, now))
    for event in _replacements(every.counts.dues, host, address, now):
        calendar.add_component(event)
    return calendar


def _event(identity: str, summary: str, text: str, day: datetime, host: str, url: str, now: datetime) -> Event:
    return Event.new(
        uid=f"{identity}@{host}", summary=summary, description=text, start=day.date(), stamp=now, url=url, transparency=TRANSP.TRANSPARENT
    )


def _single(row: BoardRow, host: str, address: Callable[[str], str], with_reasons: bool, now: datetime) -> Event:
    text = f"It expires on {clocks.stamp(row.not_after)}. {row.owner} is responsible for it."
    summary = f"Action required: {row.thing} expires"
    return _event(
        f"{row.kind}-{row.identity}", summary, f"{text} {row.explanation}" if with_reasons else text, row.not_after, host,
        address(row.url or "/expiry/"), now,
    )  # fmt: skip


def _more(number: int, last: BoardRow, host: str, address: Callable[[str], str], now: datetime) -> Event:
    text = f"{counted(number, 'thing')} that {plural(number, 'requires', 'require')} an action {plural(number, 'expires', 'expire')} later."
    return _event("more", text, f"{text} The expiry page lists them.", last.not_after, host, address("/expiry/?happens=by_hand"), now)


def _replacements(dues: list[Group], host: str, address: Callable[[str], str], now: datetime) -> Iterator[Event]:
    months: dict[tuple[str, str], list[Group]] = {}
    for group in dues:
        months.setdefault((f"{group.first:%Y-%m}", group.kind), []).append(group)
    for (month, kind), groups in sorted(months.items()):
        number, first, last = (
            sum(group.count for group in groups),
            min(group.first for group in groups),
            max(group.last for group in groups),
        )
        what = counted(number, f"{KINDS[kind]} certificate")
        text = f"Nothing to do: the console replaces {plural(number, 'it', 'them')} from {clocks.day(first)} to {clocks.day(last)}."
        yield _event(f"automatic-{kind}-{month}", f"Automatic: {what} replaced", text, first, host, address(f"/expiry/?kind={kind}"), now)


@require_safe
def calendar_file(request: HttpRequest) -> HttpResponse:
    """`/expiry.ics`, for a token of the scope `calendar` in the address, or in `Authorization`."""
    now, host = timezone.now(), request.get_host()
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    given = token.strip() if scheme.lower() == "bearer" else request.GET.get("token", "")
    try:
        actor = calendar_actor(given, address=address_of(request), now=now)
        actor.require("certs.view_certificate")
    except AuthenticationFailed as exc:
        return _refused(str(exc.detail), 401)
    except PermissionRefused as exc:
        return _refused(str(exc), 403)
    calendar = calendar_of(actor, host=host, address=request.build_absolute_uri, now=now)
    answer = HttpResponse(calendar.to_ical(), content_type="text/calendar; charset=utf-8")
    answer["Cache-Control"] = "no-store"
    return answer


def _refused(reason: str, status: int) -> HttpResponse:
    return HttpResponse(f"{reason}\n", content_type="text/plain; charset=utf-8", status=status, headers={"Cache-Control": "no-store"})
