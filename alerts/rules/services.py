"""The rules of alerts: changed here."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from alerts.errors import InputInvalid
from alerts.rules.models import Rules, rules_current
from attention.expiring import KINDS
from audit.actors import Actor
from audit.record import record
from certs.zone.services import zone_current
from outbound.http import url_checked

MOST_THRESHOLDS, LEAST_DAYS, MOST_DAYS = 10, 0.5, 3650.0


def _thresholds_problem(kind: str, days: Sequence[float]) -> str:
    if kind not in KINDS:
        return f"“{kind[:40]}” is not a kind of expiring thing. The kinds are: {', '.join(KINDS)}."
    if len(days) > MOST_THRESHOLDS:
        return f"{kind}: give at most {MOST_THRESHOLDS} thresholds."
    if not all(LEAST_DAYS <= threshold <= MOST_DAYS for threshold in days):
        return f"{kind}: a threshold is a number of days from {LEAST_DAYS:g} to {MOST_DAYS:g}."
    if len(set(days)) < len(days):
        return f"{kind}: each threshold can be given once."
    return ""


def _watchdog_problem(url: str) -> str:
    try:
        url_checked(url)
    except ValueError as exc:
        return str(exc)
    return ""


def _check(changes: dict[str, Any]) -> None:
    errors = {}
    problems = [_thresholds_problem(kind, days) for kind, days in changes.get("thresholds", {}).items()]
    if any(problems):
        errors["thresholds"] = [problem for problem in problems if problem]
    if changes.get("watchdog_url") and (problem := _watchdog_problem(changes["watchdog_url"])):
        errors["watchdog_url"] = [problem]
    if errors:
        raise InputInvalid(errors)


@transaction.atomic
def rules_change(*, actor: Actor, now: datetime, **changes: Any) -> Rules:
    """Change `thresholds`, `watchdog_url` (None or "" clears it), or both. What is not given stays.

    `thresholds` replaces those of all kinds. A kind without an entry gets the default, and one with an empty list has no thresholds.

    Raises: PermissionRefused, InputInvalid, ZoneMissing, ZoneBroken, UnknownKey.
    """
    actor.require("alerts.change_rules")
    _check(changes)
    rules_current()
    rules, detail = Rules.objects.select_for_update().get(), dict[str, Any]()
    if "thresholds" in changes:
        thresholds = {kind: sorted(map(float, days), reverse=True) for kind, days in changes["thresholds"].items()}
        if thresholds != rules.thresholds:
            detail["thresholds"], rules.thresholds = {"from": rules.thresholds, "to": thresholds}, thresholds
    # A URL in the input always counts as changed. Otherwise the answer would say whether it equals the stored one.
    if "watchdog_url" in changes and (changes["watchdog_url"] or rules.watchdog_url):
        detail["watchdog_url"] = "set" if changes["watchdog_url"] else "cleared"
        rules.watchdog_url, rules.watchdog_called_at, rules.watchdog_error = changes["watchdog_url"] or None, None, ""
    if detail:
        rules.save(update_fields=["thresholds", "watchdog_url", "watchdog_called_at", "watchdog_error"])
        record(actor=actor, action="rules.changed", target=zone_current(), detail=detail, now=now)
    return rules
