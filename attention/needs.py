"""Needs: things that require action by a person. One type for the overview, the API and alerts. Each room registers a function that finds its own.

`code`, `subject` and `key` together identify a need. They stay the same as long as its cause lasts. `CODES` has every code, with its meaning.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from django.db.models import QuerySet

from attention.once import facts_once

# More needs of one kind than this become one line, so that the others stay visible.
MOST_ALIKE = 3
# Of these, the line names the worst.
MOST_NAMED = 20
BATCH = 500

Row = TypeVar("Row")


class Severity(StrEnum):
    """How soon a person must act: now, soon, or when they are ready."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


RANK = {severity: rank for rank, severity in enumerate(Severity)}
COLORS = {Severity.CRITICAL: "red", Severity.WARNING: "orange", Severity.INFO: "blue"}


@dataclass(frozen=True)
class Many:
    """The one line that replaces many needs with this value on the overview. `title` has `{count}`. Empty texts are those of the most severe need.

    `url` leads to the list of all of them.
    """

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
    wrong clock causes it. `many` is for rooms that can have many such needs. `named` has the subjects and pages of the needs that this one replaces.
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
    named: tuple[tuple[str, str], ...] = ()

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


@dataclass(frozen=True)
class Look:
    """One search for needs. `most` limits how many of a kind are built, the worst first; None: all. `totals` counts kinds that have more."""

    now: datetime
    most: int | None = None
    totals: dict[Many, int] = field(default_factory=dict)

    def worst(self, rows: "QuerySet[Any, Row]", many: Many) -> Iterator[Row]:
        """The first of `rows`, which are in order, the worst first. The database counts them only if there are more."""
        if self.most is None:
            yield from rows.iterator(chunk_size=BATCH)
            return
        found = list(rows[: self.most + 1])
        if len(found) > self.most:
            self.totals[many] = rows.order_by().count()
        yield from found[: self.most]


Provider = Callable[[Look], Iterable[Need]]
_providers: list[Provider] = []


def needs_register(provider: Provider) -> Provider:
    """Register the decorated function, which finds the needs of its room, in a fixed number of queries for a limited look."""
    _providers.append(provider)
    return provider


def needs(look: Look) -> list[Need]:
    """The needs of all rooms, in no order."""
    with facts_once():
        return [need for provider in _providers for need in provider(look)]


def attention(now: datetime) -> list[Ranked]:
    """All needs: causes of others first, then by severity. Many needs of one kind are one line, which names the worst."""
    look = Look(now, MOST_NAMED)
    return folded(ranked(needs(look)), look.totals)


def folded(found: Iterable[Ranked], totals: Mapping[Many, int]) -> list[Ranked]:
    """The same in the same order, with one line for more than MOST_ALIKE that are alike. `totals` has their number where not all were built."""
    alike: dict[tuple[str, Many | None, bool], list[Ranked]] = defaultdict(list)
    for entry in found:
        need = entry.need
        # If not all needs of a kind were built, the number of those with a cause is not known.
        alike[need.code, need.many, bool(entry.explained_by) and need.many not in totals].append(entry)
    lines: list[Ranked] = []
    for (_, many, _), same in alike.items():
        lines += [_line(many, same, totals)] if many is not None and len(same) > MOST_ALIKE else same
    return sorted(lines, key=lambda line: (bool(line.explained_by), not line.need.explains, RANK[line.need.severity]))


def _line(many: Many, same: Sequence[Ranked], totals: Mapping[Many, int]) -> Ranked:
    """The one line for needs that are alike."""
    in_order = [entry.need for entry in same]
    worst = min(in_order, key=lambda need: RANK[need.severity])
    one = replace(
        worst, subject="", title=many.title.format(count=totals.get(many, len(same))), text=many.text or f"{worst.title}: {worst.text}",
        remedy=many.remedy or worst.remedy, url=many.url, button=many.button, since=_first(in_order), key=f"{worst.code} {many.title}",
        explains_own=frozenset(), named=tuple((need.subject, need.url) for need in in_order[:MOST_NAMED]),
    )  # fmt: skip
    return Ranked(one, same[0].explained_by if all(entry.explained_by for entry in same) else "")


def _first(same: Iterable[Need]) -> datetime | None:
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
