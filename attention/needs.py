"""Needs: things that require action by a person. One type for the overview, the API and, later, alerts. Each room registers a function that finds its own.

`code`, `subject` and `key` together identify a need. They stay the same as long as its cause lasts. `CODES` has every code, with its meaning.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

# More needs of one kind than this become one line, so that the others stay visible.
MOST_ALIKE = 3


class Severity(StrEnum):
    """How soon a person must act: now, soon, or when they are ready."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


RANK = {severity: rank for rank, severity in enumerate(Severity)}
COLORS = {Severity.CRITICAL: "red", Severity.WARNING: "orange", Severity.INFO: "blue"}


@dataclass(frozen=True)
class Many:
    """The one line that replaces many needs with this value on the overview. `title` has `{count}`. Empty texts are those of the most severe need."""

    title: str
    url: str
    button: str
    text: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Need:
    """`text` says what happened and why, `remedy` what to do, `url` and `button` where. `since` is None if its beginning is not recorded.

    `subject` has no counts and no dates. `key` distinguishes needs with the same code and subject.
    `explains` has the codes of needs that this one causes, whatever their subject; `explains_own` those with the same subject. A caused need
    waits until its cause is solved. `about` has the identities of the expiring things that it reports, and `by_date` says that it follows from dates only, so that a
    wrong clock causes it. `many` is for rooms that can have many such needs.
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
    about: frozenset[str] = frozenset()
    by_date: bool = False
    many: Many | None = None

    @property
    def color(self) -> str:
        return COLORS[self.severity]

    @property
    def identity(self) -> tuple[str, str, str]:
        """The identity of the need, also in later requests."""
        return self.code, self.subject, self.key


@dataclass(frozen=True)
class Ranked:
    """A need, and the title of the need that causes it, if there is one."""

    need: Need
    explained_by: str = ""


CODES: dict[str, str] = {}


def codes_register(codes: Mapping[str, str]) -> None:
    """Register the codes of a room's needs, each with its meaning in a few words. Raises: ValueError for a code of another room."""
    if taken := CODES.keys() & codes.keys():
        raise ValueError(f"These codes are registered already: {', '.join(sorted(taken))}.")
    CODES.update(codes)


Provider = Callable[[datetime], Iterable[Need]]
_providers: list[Provider] = []


def needs_register(provider: Provider) -> Provider:
    """Register the decorated function, which finds the needs of its room, in a fixed number of queries."""
    _providers.append(provider)
    return provider


def needs(now: datetime) -> list[Need]:
    """The needs of all rooms, in no order."""
    return [need for provider in _providers for need in provider(now)]


def attention(now: datetime) -> list[Ranked]:
    """All needs: causes of others first, then by severity. Many needs of one kind are one line."""
    return ranked(folded(needs(now)))


def folded(found: Iterable[Need]) -> Iterator[Need]:
    """The same needs, with one line for more than MOST_ALIKE that are alike."""
    alike: dict[tuple[str, Many | None], list[Need]] = defaultdict(list)
    for need in found:
        alike[need.code, need.many].append(need)
    for (code, many), same in alike.items():
        if many is None or len(same) <= MOST_ALIKE:
            yield from same
            continue
        worst = min(same, key=lambda need: RANK[need.severity])
        yield replace(
            worst, subject="", title=many.title.format(count=len(same)), text=many.text or f"{worst.title}: {worst.text}",
            remedy=many.remedy or worst.remedy, url=many.url, button=many.button, since=_first(same), key=f"{code} {many.title}", explains_own=frozenset(),
        )  # fmt: skip


def _first(same: list[Need]) -> datetime | None:
    return min((need.since for need in same if need.since), default=None)


def ranked(found: Iterable[Need]) -> list[Ranked]:
    """Sort key: needs that cause others of any subject first (of two, the one that causes more), then by severity. Caused needs come last."""
    ordered = sorted(found, key=lambda need: (not need.explains, RANK[need.severity], -len(need.explains)))
    everywhere: dict[str, Need] = {}
    own: dict[tuple[str, str], Need] = {}
    for need in reversed(ordered):
        everywhere |= dict.fromkeys(need.explains, need)
        own |= dict.fromkeys(((code, need.subject) for code in need.explains_own), need)

    def cause(need: Need) -> str:
        found = everywhere.get(need.code) or own.get((need.code, need.subject))
        return found.title if found is not None and found is not need else ""

    return sorted((Ranked(need, cause(need)) for need in ordered), key=lambda ranked_need: bool(ranked_need.explained_by))
