"""Compare attention with the alerts: open, escalate, remind and close them. People acknowledge them."""

import contextlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from alerts.alerts.transition import alert_transition, message_record
from alerts.errors import InputInvalid, StaleAlert
from alerts.models import Alert, Rules
from alerts.rules.causes import CLOCK_CODES, Cause, causes
from alerts.rules.models import rules_current
from alerts.states import AlertState, Change
from attention.needs import RANK, Severity
from audit.actors import Actor
from audit.record import record
from certs.models import TrustZone
from jobs.leases import SKEW
from pki.core import clocks
from sealing.errors import ZoneMissing

# After a longer pause between two comparisons, nodes and periodic work get time to report before anything is opened or closed.
GAP, SETTLES = timedelta(minutes=2), timedelta(minutes=2)
CLOSE_AFTER, LONGEST_ABSENCE = timedelta(minutes=2), timedelta(hours=1)
RETURNS_WITHIN = timedelta(hours=2)
# When a reminder is due, after the alert was opened or escalated; the last value repeats.
REMINDERS: Mapping[Severity, tuple[timedelta, ...]] = {
    Severity.CRITICAL: (timedelta(hours=1), timedelta(hours=4), timedelta(days=1)),
    Severity.WARNING: (timedelta(days=1), timedelta(days=3), timedelta(days=7)),
    Severity.INFO: (),
}
LONGEST_PAUSE = timedelta(days=7)  # a reminder that is due later was planned by a clock that was ahead
LONGEST_NOTE, LONGEST_ACKNOWLEDGEMENT = 500, timedelta(days=90)


def alerts_update(*, now: datetime) -> None:
    """Open an alert for each new cause, escalate, remind, and close those whose cause is gone. Safe to run twice at once."""
    rules = rules_current()
    if not _has_settled(rules, now):
        return
    try:
        found = causes(thresholds=rules.thresholds, now=now)
    except ZoneMissing:
        return
    unclosed = {(alert.code, alert.subject, alert.key): alert for alert in Alert.objects.unclosed()}
    by_identity = {_identity(cause): cause for cause in found}
    is_doubtful = any(cause.code in CLOCK_CODES for cause in found)
    by_date = {cause.subject[:300]: cause.title for cause in found if cause.threshold_days is not None and not cause.waits}
    with transaction.atomic():  # what happened at once is delivered at once
        for identity, cause in by_identity.items():
            with contextlib.suppress(StaleAlert):
                if identity in unclosed:
                    _still_there(unclosed[identity], cause, now)
                elif not cause.waits:
                    _open(cause, now)
        for identity, alert in unclosed.items():
            if identity not in by_identity:
                with contextlib.suppress(StaleAlert):
                    replacement = by_date.get(alert.subject, "") if alert.threshold_days is not None else ""
                    _gone(alert, is_doubtful, replacement, now)


def _has_settled(rules: Rules, now: datetime) -> bool:
    """Whether the comparisons before this one were recent enough. Also after the clock was set, since then the last one has a distant time."""
    last, settles_at = rules.checked_at, rules.settles_at
    rules.checked_at = now
    if not (-SKEW <= now - last <= GAP if last is not None else _is_new(now)):
        settles_at = now + SETTLES
    elif settles_at is not None and not now < settles_at <= now + SETTLES:
        settles_at = None
    rules.settles_at = settles_at
    rules.save(update_fields=["checked_at", "settles_at"])
    return settles_at is None


def _is_new(now: datetime) -> bool:
    """Whether the site was founded just now. An older site without a comparison was upgraded."""
    zone = TrustZone.objects.current()
    return zone is None or zone.founded_at is None or now - zone.founded_at <= GAP


def _identity(cause: Cause) -> tuple[str, str, str]:
    return cause.code[:80], cause.subject[:300], cause.key[:300]


def _facts(cause: Cause) -> dict[str, Any]:
    """What the alert says, as it is known now."""
    return {
        "severity": cause.severity, "title": cause.title[:300], "text": cause.text, "remedy": cause.remedy, "url": cause.url[:300], "since": cause.since,
    }  # fmt: skip


def _remind_at(severity: Severity, reminders: int, now: datetime) -> datetime | None:
    pauses = REMINDERS[severity]
    return now + pauses[min(reminders, len(pauses) - 1)] if pauses else None


def _open(cause: Cause, now: datetime) -> None:
    """A new alert, or the one that was closed a short time ago."""
    code, subject, key = _identity(cause)
    begins = {"threshold_days": cause.threshold_days, "remind_at": _remind_at(cause.severity, 0, now), "reminders": 0, "absent_since": None}
    before = Alert.objects.filter(code=code, subject=subject, key=key, closed_at__gt=now - RETURNS_WITHIN).order_by("-closed_at").first()
    try:
        with transaction.atomic():
            if before is not None:
                changes = _facts(cause) | begins | {"returns": before.returns + 1, "closed_at": None}
                alert_transition(alert=before, to=AlertState.OPEN, change=Change.RETURNED, now=now, **changes)
            else:
                facts = _facts(cause) | begins
                made = Alert.objects.create(code=code, subject=subject, key=key, opened_at=now, changed_at=now, **facts)
                message_record(alert=made, change=Change.OPENED, now=now)
    except IntegrityError:
        return  # another process has just opened it


def _still_there(alert: Alert, cause: Cause, now: datetime) -> None:
    changes = _facts(cause)
    if alert.absent_since is not None:
        changes |= {"absent_since": None, "returns": alert.returns + 1}
    if not cause.waits:
        nearer = cause.threshold_days is not None and (alert.threshold_days is None or cause.threshold_days < alert.threshold_days)
        if nearer or RANK[cause.severity] < RANK[Severity(alert.severity)]:
            changes |= {"threshold_days": cause.threshold_days if nearer else alert.threshold_days} | _not_acknowledged()
            changes |= {"reminders": 0, "remind_at": _remind_at(cause.severity, 0, now)}
            alert_transition(alert=alert, to=AlertState.OPEN, change=Change.ESCALATED, now=now, **changes)
            return
        until = alert.acknowledged_until
        if alert.state == AlertState.ACKNOWLEDGED and until is not None and not now < until <= now + LONGEST_ACKNOWLEDGEMENT:
            changes |= _not_acknowledged() | {"remind_at": _remind_at(cause.severity, 0, now), "reminders": 0}
            alert_transition(alert=alert, to=AlertState.OPEN, change=Change.RESUMED, now=now, **changes)
            return
        if alert.state == AlertState.OPEN and alert.remind_at is not None and not now < alert.remind_at <= now + LONGEST_PAUSE:
            changes |= {"reminders": alert.reminders + 1, "remind_at": _remind_at(cause.severity, alert.reminders + 1, now)}
            alert_transition(alert=alert, to=AlertState.OPEN, change=Change.REMINDED, now=now, **changes)
            return
    changed = {name: value for name, value in changes.items() if getattr(alert, name) != value}
    if changed:
        Alert.objects.filter(pk=alert.pk, version=alert.version).update(**changed)


def _not_acknowledged() -> dict[str, Any]:
    return {"acknowledged_by": "", "acknowledged_until": None, "note": ""}


def closes_after(alert: Alert) -> timedelta:
    """How long its cause must be gone before it is closed: longer after each return, so that a cause that comes and goes is one alert."""
    return min(CLOSE_AFTER * (1 << min(alert.returns, 10)), LONGEST_ABSENCE)


def _gone(alert: Alert, is_doubtful: bool, replacement: str, now: datetime) -> None:
    """`replacement`: an alert with this title reports the same date now, for example because what was about to expire has expired."""
    if alert.absent_since is None or alert.absent_since > now + SKEW:
        Alert.objects.filter(pk=alert.pk, version=alert.version).update(absent_since=now)
    elif not is_doubtful and now - alert.absent_since >= closes_after(alert):
        changes: dict[str, Any] = {
            "closed_at": now,
            "remind_at": None,
            "remedy": f"See “{replacement}”, which replaces it." if replacement else "",
        }
        alert_transition(alert=alert, to=AlertState.CLOSED, change=Change.CLOSED, now=now, **changes)


@transaction.atomic
def alert_acknowledge(*, actor: Actor, alert: Alert, note: str = "", until: datetime | None = None, now: datetime) -> None:
    """Record that a person works on the alert. Reminders pause until `until`, or until the alert is closed. An escalation is sent all the same.

    Raises: PermissionRefused, InputInvalid, IllegalAlertTransition, StaleAlert.
    """
    actor.require("alerts.change_alert")
    errors = {}
    if len(note) > LONGEST_NOTE or not note.replace("\n", " ").replace("\r", " ").replace("\t", " ").isprintable():
        errors["note"] = [f"A note has at most {LONGEST_NOTE} printable characters."]
    if until is not None and not now < until <= now + LONGEST_ACKNOWLEDGEMENT:
        latest = clocks.stamp(now + LONGEST_ACKNOWLEDGEMENT)
        errors["until"] = [f"Give a time between now and {latest}."]
    if errors:
        raise InputInvalid(errors)
    changes = {"acknowledged_by": actor.label[:200], "acknowledged_until": until, "note": note}
    alert_transition(alert=alert, to=AlertState.ACKNOWLEDGED, change=Change.ACKNOWLEDGED, actor=actor.label[:200], now=now, **changes)
    detail = {"note": note, "until": until.isoformat() if until else None}
    record(actor=actor, action="alert.acknowledged", target=alert, detail=detail, now=now)
