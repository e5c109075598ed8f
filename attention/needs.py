"""What needs a person: one type for the overview, the API and, later, alerts. Each room registers a function that finds its own.

`code`, `subject` and `key` together name a need: the same cause keeps them for as long as it lasts. docs/troubleshooting.md lists the codes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

# More needs of one kind than this become one line, so that they hide nothing else.
MOST_ALIKE = 3


class Severity(StrEnum):
    """How soon a person must act: now, soon, or when they are ready."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


RANK = {severity: rank for rank, severity in enumerate(Severity)}
COLORS = {Severity.CRITICAL: "red", Severity.WARNING: "orange", Severity.INFO: "blue"}


@dataclass(frozen=True)
class Need:
    """`text` says what happened and why, `remedy` what to do, `url` and `button` where. `since` is None where nothing records the beginning.

    `subject` holds no counts and no dates. `key` tells two needs with one code and one subject apart.
    `explains` holds the codes of needs that this one causes, whatever their subject; `explains_own` of those with the same subject. What is
    caused waits until the cause is solved.
    """

    code: str
    severity: Severity
    subject: str
    title: str
    text: str
    remedy: str
    url: str
    button: str
    since: datetime | None = None
    explains: frozenset[str] = frozenset()
    explains_own: frozenset[str] = frozenset()
    key: str = ""

    @property
    def colour(self) -> str:
        return COLORS[self.severity]

    @property
    def identity(self) -> tuple[str, str, str]:
        """By this the same need is recognized tomorrow."""
        return self.code, self.subject, self.key


@dataclass(frozen=True)
class Ranked:
    """A need, and the title of the one that causes it, if any does."""

    need: Need
    explained_by: str = ""


Provider = Callable[[datetime], Iterable[Need]]
_providers: list[Provider] = []


def needs_register(provider: Provider) -> Provider:
    """Register the decorated function: it finds the needs of its room, with a number of queries that does not depend on how much there is."""
    _providers.append(provider)
    return provider


def needs(now: datetime) -> list[Need]:
    """What all rooms have found, in no order."""
    return [need for provider in _providers for need in provider(now)]


def attention(now: datetime) -> list[Ranked]:
    """What needs a person: first what explains the rest, then the worst first."""
    return ranked(needs(now))


def ranked(found: Iterable[Need]) -> list[Ranked]:
    """A need that explains others of any subject first (of two, the one that explains more), then the worst first; the explained ones last."""
    ordered = sorted(found, key=lambda need: (not need.explains, RANK[need.severity], -len(need.explains)))
    everywhere: dict[str, Need] = {}
    own: dict[tuple[str, str], Need] = {}
    for need in reversed(ordered):
        everywhere |= dict.fromkeys(need.explains, need)
        own |= dict.fromkeys(((code, need.subject) for code in need.explains_own), need)

    def cause(need: Need) -> str:
        found = everywhere.get(need.code) or own.get((need.code, need.subject))
        return found.title if found is not None and found is not need else ""

    return sorted((Ranked(need, cause(need)) for need in ordered), key=lambda each: bool(each.explained_by))
