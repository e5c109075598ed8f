"""Routes: created, changed and deleted here."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from alerts.channels.models import Channel
from alerts.errors import InputInvalid
from alerts.routes.matching import code_matches
from alerts.routes.models import Route
from attention.needs import CODES, Severity
from audit.actors import Actor
from audit.record import record
from web.time_zones import time_zone_problem

FIELDS = ("channel", "least_severity", "codes", "days", "from_minute", "until_minute", "time_zone")
DAYS, MINUTES = range(7), range(24 * 60)


def _hours_problem(begins: int | None, ends: int | None) -> str:
    if (begins is None) != (ends is None):
        return "Give the beginning and the end of the hours, or neither for the whole day."
    if any(minute is not None and minute not in MINUTES for minute in (begins, ends)):
        return f"Give a minute of the day, from 0 to {MINUTES[-1]}."
    if begins is not None and begins == ends:
        return "The hours begin and end at the same minute. Give neither for the whole day."
    return ""


def _check(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields as they are stored. Raises: InputInvalid."""
    errors = {}
    if fields["least_severity"] not in [*Severity]:
        errors["least_severity"] = [f"This is not a severity. Use: {', '.join(Severity)}."]
    if unknown := [pattern for pattern in fields["codes"] if not any(code_matches(pattern, code) for code in CODES)]:
        errors["codes"] = [
            f"There is no code “{pattern[:80]}”. Use a known code, or the beginning of one and *." for pattern in unknown[:5]
        ]
    if any(day not in DAYS for day in fields["days"]):
        errors["days"] = ["A day of the week is a number from 0 (Monday) to 6 (Sunday)."]
    if problem := _hours_problem(fields["from_minute"], fields["until_minute"]):
        errors["from_minute"] = [problem]
    if problem := time_zone_problem(fields["time_zone"]):
        errors["time_zone"] = [problem]
    if errors:
        raise InputInvalid(errors)
    return fields | {"codes": sorted(set(fields["codes"])), "days": sorted(set(fields["days"]))}


def _lock_channel(channel: Channel) -> None:
    """Raises: InputInvalid if the channel was deleted."""
    if not Channel.objects.select_for_update().filter(pk=channel.pk).exists():
        raise InputInvalid({"channel": ["This channel does not exist any more. Choose another channel."]})


def _described(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields in an audit event."""
    return {name: str(value) if name == "channel" else value for name, value in fields.items()}


@transaction.atomic
def route_create(
    *, actor: Actor, now: datetime, channel: Channel, least_severity: str = Severity.WARNING, codes: Sequence[str] = (), days: Sequence[int] = (),
    from_minute: int | None = None, until_minute: int | None = None, time_zone: str = "UTC",
) -> Route:  # fmt: skip
    """Send alerts to `channel`. No codes: all. No days: every day. No minutes: the whole day. Raises: PermissionRefused, InputInvalid."""
    actor.require("alerts.add_route")
    given = (channel, least_severity, codes, days, from_minute, until_minute, time_zone)
    fields = _check(dict(zip(FIELDS, given, strict=True)))
    _lock_channel(channel)
    route = Route.objects.create(**fields, created_at=now)
    record(actor=actor, action="route.created", target=route, detail=_described(fields), now=now)
    return route


@transaction.atomic
def route_change(*, actor: Actor, route: Route, now: datetime, **changes: Any) -> Route:
    """Change the fields that are given; the others stay. Raises: PermissionRefused, InputInvalid."""
    actor.require("alerts.change_route")
    held = Route.objects.select_for_update(of=("self",)).select_related("channel").filter(pk=route.pk).first()
    if held is None:
        raise InputInvalid({"route": ["Another person has deleted this route. Create it again if you need it."]})
    before = {name: getattr(held, name) for name in FIELDS}
    after = _check(before | changes)
    changed = [name for name in FIELDS if before[name] != after[name]]
    if "channel" in changed:
        _lock_channel(after["channel"])
    for name in changed:
        setattr(held, name, after[name])
    if changed:
        held.save(update_fields=changed)
        detail = {name: {"from": _described(before)[name], "to": _described(after)[name]} for name in changed}
        record(actor=actor, action="route.changed", target=held, detail=detail, now=now)
    return held


@transaction.atomic
def route_delete(*, actor: Actor, route: Route, now: datetime) -> None:
    """Delete a route, if it still exists. Raises: PermissionRefused."""
    actor.require("alerts.delete_route")
    deleted, _ = Route.objects.filter(pk=route.pk).delete()
    if deleted:
        record(actor=actor, action="route.deleted", target=route, detail={}, now=now)
