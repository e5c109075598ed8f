"""Icons, states, times and bars as every page shows them."""

from datetime import UTC, datetime
from typing import Any

from django import template
from django.template import Context
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from pki.core import clocks
from pki.foreign.describe import grouped

register = template.Library()

# state: word, colour, icon
LOOKS = {
    "created": ("not registered", "grey", "circle-dashed"),
    "issuing": ("making keys", "blue", "key"),
    "distributing": ("sending the package", "blue", "send"),
    "awaiting_password": ("awaiting password", "blue", "lock"),
    "verifying": ("proving", "blue", "plug-connected"),
    "registered": ("registered", "grey", "user-check"),
    "failed": ("failed", "red", "alert-circle"),
    "decommissioned": ("decommissioned", "grey", "archive"),
    "issued": ("issued", "green", "circle-check"),
    "superseded": ("superseded", "grey", "replace"),
    "revoked": ("revoked", "red", "ban"),
    "valid": ("valid", "green", "circle-check"),
    "expiring": ("expiring", "orange", "clock-exclamation"),
    "expired": ("expired", "red", "alert-circle"),
    "not_yet_valid": ("not yet valid", "orange", "clock"),
    "ok": ("fine", "green", "circle-check"),
    "warning": ("warning", "orange", "alert-triangle"),
    "blocker": ("blocks", "red", "alert-circle"),
    "online": ("online", "green", "plug-connected"),
    "silent": ("silent", "red", "plug-connected-x"),
    "works": ("works", "green", "circle-check"),
    "under_way": ("under way", "blue", "refresh"),
    "overdue": ("overdue", "orange", "clock-exclamation"),
    "paused": ("paused", "orange", "player-pause"),
    "finished": ("finished", "green", "circle-check"),
    "blocked": ("cannot be used", "red", "alert-circle"),
    "awaiting_answer": ("waits for the answer", "blue", "hourglass"),
    "none": ("trust zone's own", "grey", "shield-lock"),
    "on_its_way": ("on its way", "blue", "send"),
    "in_use": ("in use", "green", "circle-check"),
    "fallen_back": ("fallen back", "orange", "alert-triangle"),
    "cluster_proved": ("proved", "green", "circle-check"),
    "cluster_current": ("current, not proved", "blue", "clock"),
    "cluster_older": ("older one", "orange", "replace"),
    "cluster_missing": ("missing", "red", "alert-circle"),
    "cluster_unknown": ("not known yet", "grey", "circle-dashed"),
    "verified": ("verified", "green", "circle-check"),
    "claimed": ("ticked, not verified", "orange", "clock"),
    "holds": ("holds", "green", "circle-check"),
    "refused": ("refused", "red", "alert-circle"),
    "requested": ("being made", "blue", "key"),
    "made": ("made", "grey", "file-check"),
    "by_itself": ("by itself", "blue", "refresh"),
    "by_hand": ("needs a hand", "orange", "hand-stop"),
}
UNITS = ((86400 * 365, "year"), (86400 * 30, "month"), (86400, "day"), (3600, "h"), (60, "min"))


@register.simple_tag
def icon(name: str) -> SafeString:
    """A Tabler icon out of the sprite that scripts/front-end makes; the word beside it names it."""
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', static("made/icons.svg"), name)


@register.simple_tag
def badge(state: str) -> SafeString:
    """A state as colour, word and icon."""
    word, colour, drawing = LOOKS[str(state)]
    return format_html('<span class="state state-{}">{}<span>{}</span></span>', colour, icon(drawing), word)


@register.filter
def word(state: str) -> str:
    """A state as a word."""
    return LOOKS[str(state)][0]


@register.filter
def look(state: str) -> str:
    """A state's colour."""
    return LOOKS[str(state)][1]


@register.filter
def look_icon(state: str) -> str:
    """The name of a state's icon."""
    return LOOKS[str(state)][2]


def now_of(context: Context) -> datetime:
    """The moment for which a page is drawn."""
    now: datetime = context.get("now") or timezone.now()
    return now


def spoken(seconds: float) -> str:
    """A length of time in its largest unit."""
    for size, unit in UNITS:
        if seconds >= size * (2 if unit in ("year", "month") else 1):
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 and unit in ('year', 'month', 'day') else ''}"
    return f"{int(seconds)} s" if seconds >= 1 else "less than a second"


@register.simple_tag(takes_context=True)
def when(context: Context, moment: datetime | None) -> SafeString | str:
    """A moment as seen from now; the exact time in UTC on hover."""
    if moment is None:
        return "never"
    seconds = (now_of(context) - moment).total_seconds()
    text = "just now" if abs(seconds) < 2 else f"{spoken(seconds)} ago" if seconds >= 0 else f"in {spoken(-seconds)}"
    exact = moment.astimezone(UTC)
    return format_html('<time datetime="{}" title="{} UTC">{}</time>', exact.isoformat(), f"{exact:%Y-%m-%d %H:%M:%S}", text)


register.filter("grouped", grouped)


@register.filter
def clock_offset(seconds: float) -> str:
    """How far another clock is from this one."""
    if abs(seconds) < 1:
        return "the same, within a second"
    return f"{clocks.length(seconds)} {'ahead' if seconds > 0 else 'behind'}"


@register.filter
def utc(moment: datetime) -> str:
    """A moment, exactly."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def left_words(days: int) -> str:
    """Days left, in years and months where they are many."""
    if days < 0:
        return "expired"
    if days < 120:
        return _counted(days, "day")
    years, months = divmod(days * 12 // 365, 12)
    return " ".join(_counted(count, unit) for count, unit in ((years, "year"), (months, "month")) if count)


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}{'' if count == 1 else 's'}"


@register.simple_tag(takes_context=True)
def current(context: dict[str, Any], *rooms: str) -> str:
    """`page` for the room in which the reader is."""
    match = getattr(context.get("request"), "resolver_match", None)
    return "page" if match and {match.view_name, match.namespace} & set(rooms) else ""


@register.simple_tag
def proof(proved: bool) -> SafeString:
    """Whether something is proved, as spot and word."""
    return format_html(
        '<span class="known"><span class="spot spot-{}" aria-hidden="true"></span>{}</span>',
        *(("green", "yes") if proved else ("grey", "not yet")),
    )
