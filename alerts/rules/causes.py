"""Causes of alerts: needs, and expiring things that have passed a threshold."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.rules.thresholds import is_overdue, passed, severity_at, thresholds_by_kind, thresholds_of
from attention.expiring import Endless, Expiring, Happens, expiring_by
from attention.needs import Look, Need, Severity, codes_register, needs, ranked
from audit.actors import SYSTEM
from pki.core import clocks

# Codes of needs that say that the clock of this machine cannot be trusted.
CLOCK_CODES = frozenset({"clock-jumped", "clock-doubtful"})
EXPIRES, NOT_RENEWED = "expiry-near", "renewal-overdue"
codes_register({EXPIRES: "something expires, and nothing replaces it automatically"})


@dataclass(frozen=True)
class Cause:
    """What an alert is about. `code`, `subject` and `key` identify it. `waits`: another cause explains it, or a date decides and the clock is doubtful."""

    code: str
    subject: str
    key: str
    severity: Severity
    title: str
    text: str
    remedy: str
    url: str
    since: datetime | None = None
    threshold_days: float | None = None
    waits: bool = False

    @property
    def identity(self) -> tuple[str, str, str]:
        return self.code, self.subject, self.key


def causes(*, thresholds: Mapping[str, Sequence[float]], now: datetime) -> list[Cause]:
    """Everything that is a cause now. Raises: ZoneMissing."""
    found = needs(Look(now))
    farthest = max((days for kind in thresholds_by_kind(thresholds).values() for days in kind), default=0)
    near = expiring_by(now + timedelta(days=farthest), actor=SYSTEM, now=now)
    things = [thing for thing in near if not isinstance(thing, Endless)]
    return causes_of(found, things, thresholds=thresholds, now=now)


def causes_of(
    found: Iterable[Need], things: Iterable[Expiring], *, thresholds: Mapping[str, Sequence[float]], now: datetime
) -> list[Cause]:
    """The causes in these needs and expiring things. A thing that a need reports makes that need more severe, and its own cause waits."""
    in_order, by_identity = ranked(found), {thing.identity: thing for thing in things}
    is_doubtful = any(entry.need.code in CLOCK_CODES for entry in in_order)
    reported: set[str] = set()
    result = []
    for entry in in_order:
        reported |= entry.need.about
        about = [by_identity[identity] for identity in entry.need.about if identity in by_identity]
        waits = bool(entry.explained_by) or (is_doubtful and entry.need.by_date)
        result.append(_of_need(entry.need, about, thresholds, waits, now))
    for thing in by_identity.values():
        if cause := _of_thing(thing, thresholds, is_doubtful or thing.identity in reported, now):
            result.append(cause)
    return result


def _of_need(need: Need, about: Sequence[Expiring], thresholds: Mapping[str, Sequence[float]], waits: bool, now: datetime) -> Cause:
    days = [at for thing in about if (at := passed(thing, thresholds_of(thing.kind, thresholds), now)) is not None]
    return Cause(
        need.code, need.subject, need.key, need.severity, need.title, need.text, need.remedy, need.url, need.since, min(days, default=None), waits
    )  # fmt: skip


def _of_thing(thing: Expiring, thresholds: Mapping[str, Sequence[float]], waits: bool, now: datetime) -> Cause | None:
    """The cause of a thing itself. Automatic work that is not late is no cause."""
    if is_overdue(thing, now) and thing.wording.due_at:
        late = clocks.length(now - thing.wording.due_at)
        title = f"{thing.named} should have been renewed {late} ago"
        code, days, severity = NOT_RENEWED, None, Severity.WARNING
    else:
        days = passed(thing, thresholds_of(thing.kind, thresholds), now)
        if days is None or thing.wording.happens == Happens.BY_ITSELF:
            return None
        expiry = f"expires in {clocks.length(thing.not_after - now)}" if thing.not_after >= now else "has expired"
        title = f"{thing.named} {expiry}"
        code, severity = EXPIRES, severity_at(days, thing, now)
    text = f"Its expiry date is {clocks.stamp(thing.not_after)}. {thing.owner} is responsible for it."
    return Cause(code, thing.subject, thing.identity, severity, title, text, thing.wording.text, thing.url, None, days, waits)
