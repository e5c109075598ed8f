"""Icons, states and times on all pages."""

import re
from datetime import UTC, datetime, timedelta
from functools import cache

from django import template
from django.template import Context
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from agent.version import VERSION
from pki.core import clocks
from pki.core.commands import AGENT, QMC
from pki.core.verify import grouped
from web.glossary import Term, terms
from web.page import PageRequest, may_open, may_open_path
from web.time_zones import time_zones

register = template.Library()
_COMMAND = re.compile("`([^`]+)`")

# state: word, color, icon
LOOKS = {
    "created": ("not registered", "grey", "circle-dashed"),
    "issuing": ("making keys", "blue", "key"),
    "distributing": ("sending the package", "blue", "send"),
    "awaiting_password": ("awaiting password", "blue", "lock"),
    "verifying": ("verifying", "blue", "plug-connected"),
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
    "blocker": ("problem", "red", "alert-circle"),
    "older": ("older", "orange", "replace"),
    "online": ("online", "green", "plug-connected"),
    "silent": ("silent", "red", "plug-connected-x"),
    "works": ("works", "green", "circle-check"),
    "under_way": ("in progress", "blue", "refresh"),
    "overdue": ("overdue", "orange", "clock-exclamation"),
    "paused": ("paused", "orange", "player-pause"),
    "finished": ("finished", "green", "circle-check"),
    "blocked": ("cannot be used", "red", "alert-circle"),
    "awaiting_answer": ("waits for the answer", "blue", "hourglass"),
    "none": ("trust zone's own", "grey", "shield-lock"),
    "on_its_way": ("not installed yet", "blue", "send"),
    "in_use": ("in use", "green", "circle-check"),
    "fallen_back": ("not used", "orange", "alert-triangle"),
    "cluster_proved": ("verified", "green", "circle-check"),
    "cluster_current": ("current, not verified", "blue", "clock"),
    "cluster_older": ("older certificate", "orange", "replace"),
    "cluster_missing": ("missing", "red", "alert-circle"),
    "cluster_unknown": ("not known yet", "grey", "circle-dashed"),
    "verified": ("verified", "green", "circle-check"),
    "claimed": ("marked, not verified", "orange", "clock"),
    "done": ("done", "grey", "circle-check"),
    "holds": ("valid", "green", "circle-check"),
    "refused": ("refused", "red", "alert-circle"),
    "requested": ("being made", "blue", "key"),
    "made": ("made", "grey", "file-check"),
    "critical": ("critical", "red", "alert-circle"),
    "info": ("information", "blue", "info-circle"),
    "open": ("open", "orange", "bell"),
    "acknowledged": ("acknowledged", "grey", "user-check"),
    "closed": ("closed", "green", "circle-check"),
    "waiting": ("waits", "blue", "hourglass"),
    "sending": ("being sent", "blue", "send"),
    "sent": ("sent", "green", "circle-check"),
    "unknown": ("may have arrived", "orange", "alert-triangle"),
    "by_itself": ("automatic", "blue", "refresh"),
    "by_hand": ("action required", "orange", "hand-stop"),
    "writing": ("being written", "blue", "refresh"),
    "written": ("written and verified", "green", "file-check"),
    "removing": ("being removed", "blue", "trash"),
    "removed": ("removed", "grey", "archive"),
    "running": ("in progress", "blue", "refresh"),
    "cancelling": ("being canceled", "orange", "player-pause"),
    "cancelled": ("canceled", "grey", "ban"),
    "registering": ("registration in progress", "blue", "key"),
}


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """A Tabler icon from the sprite that scripts/front-end makes. It is decorative: the text beside it has the meaning."""
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', static("made/icons.svg"), name)


@register.simple_tag
def version() -> str:
    """The version of the product."""
    return VERSION


@register.simple_tag
@cache
def badge(state: str) -> SafeString:
    """A state as color, word and icon."""
    state_label, color, drawing = LOOKS.get(str(state), (state, "grey", "circle-dashed"))  # a stored word can be one of another version
    return format_html('<span class="state state-{}">{}<span>{}</span></span>', color, icon(drawing), state_label)


@register.filter
def state_label(state: str) -> str:
    """A state as a word."""
    return LOOKS[str(state)][0]


@register.filter
def look(state: str) -> str:
    """A state's color."""
    return LOOKS[str(state)][1]


@register.filter
def look_icon(state: str) -> str:
    """The name of a state's icon."""
    return LOOKS[str(state)][2]


def now_of(context: Context) -> datetime:
    """The current time of the page."""
    now: datetime = context.get("now") or timezone.now()
    return now


def _time(moment: datetime, text: str, form: str, seconds: float | None = None) -> SafeString:
    """`text` for a moment, with the exact time in UTC on hover. times.js shows `moment` and `day` in the reader's time zone, and counts `seconds` on."""
    counted = f' data-seconds="{seconds:.0f}"' if seconds is not None else ""
    utc = moment.astimezone(UTC)
    written = f"{utc.replace(tzinfo=None).isoformat(timespec='seconds')}Z"
    # Nothing of it needs to be escaped, and a list has a hundred of them.
    return mark_safe(f'<time datetime="{written}" title="{clocks.exact(utc)}" data-form="{form}"{counted}>{text}</time>')  # noqa: S308


@register.simple_tag(takes_context=True)
def when(context: Context, moment: datetime | None) -> SafeString | str:
    """A moment relative to now: 3 min ago."""
    if moment is None:
        return "never"
    now = now_of(context)
    return _time(moment, clocks.relative(moment, now), "relative", (moment - now).total_seconds())


@register.simple_tag(takes_context=True)
def left(context: Context, until: datetime) -> SafeString:
    """The time until an expiry date: 4 years 11 months."""
    now = now_of(context)
    return _time(until, clocks.left(until, now), "left", (until - now).total_seconds())


@register.filter
def moment(moment: datetime) -> SafeString:
    """A moment: 29 Nov 2026, 14:05."""
    return _time(moment, clocks.stamp(moment), "moment")


@register.filter
def exact(moment: datetime) -> str:
    """A moment in UTC with seconds."""
    return clocks.exact(moment)


@register.filter
def day(moment: datetime) -> SafeString:
    """The day of a moment: 29 Nov 2026."""
    return _time(moment, clocks.day(moment), "day")


register.filter("grouped", grouped)


@register.filter
def commands(text: str) -> SafeString:
    """A text with its commands, which are in backticks, as code."""
    return mark_safe(_COMMAND.sub(r"<code>\1</code>", conditional_escape(text)))  # noqa: S308  (escaped before)


@register.filter
def clock_offset(seconds: float) -> str:
    """The difference of another clock to this one."""
    if abs(seconds) < 1:
        return "no difference, within a second"
    return f"{clocks.length(timedelta(seconds=seconds))} {'ahead' if seconds > 0 else 'behind'}"


@register.simple_tag
def term(name: str) -> Term:
    """A word of the glossary. Raises: KeyError for a word that it does not have."""
    return terms()[name.lower()]


@register.filter
def explained(label: str) -> str:
    """The word of the glossary that a label is, without what it has in parentheses; "" if it is none."""
    word = label.partition(" (")[0].lower()
    return word if word in terms() else ""


@register.filter
def document_url(place: str) -> str:
    """The address of a document in the help, and of one of its headings: `exports#renew-an-export`."""
    name, sharp, anchor = place.partition("#")
    return reverse("help:document", args=[name]) + sharp + anchor


@register.simple_tag(takes_context=True)
def current(context: Context, rooms: str) -> bool:
    """Whether the reader is in one of `rooms`: names of views or namespaces, with spaces between them."""
    match = getattr(context.get("request"), "resolver_match", None)
    return match is not None and bool({match.view_name, match.namespace} & set(rooms.split()))


@register.filter
def may(request: PageRequest, name: str) -> bool:
    """Whether the reader may open the page whose address has this name."""
    return may_open(request.actor, name)


@register.filter
def may_path(request: PageRequest, path: str) -> bool:
    """Whether the reader may open the page with this path."""
    return may_open_path(request.actor, path)


@register.simple_tag
def proof(proved: bool) -> SafeString:
    """Whether a fact is proved, as a spot with a word."""
    return format_html(
        '<span class="known"><span class="spot spot-{}" aria-hidden="true"></span>{}</span>',
        *(("green", "yes") if proved else ("grey", "not yet")),
    )


register.simple_tag(time_zones)


@register.simple_tag
def qmc() -> str:
    """The command line of the console in this installation."""
    return QMC


@register.simple_tag
def qmc_agent() -> str:
    """The command line of the agent in this installation."""
    return AGENT
