"""Needs: things that require action by a person. One type for the overview, the API and alerts. Each room registers a function that finds its own.

`code`, `subject` and `key` together identify a need. They stay the same as long as its cause lasts. `CODES` has every code, with its meaning.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeVar

from django.db.models import QuerySet

from attention.once import facts_once
from attention.together import First, Keys, Question, first_keys, question, written_once

# More needs of one kind than this become one line, so that the others stay visible.
MOST_ALIKE = 3
# Of these, the line names the worst.
MOST_NAMED = 20
BATCH = 500


class Severity(StrEnum):
    """How soon a person must act: now, soon, or when they are ready."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


R = TypeVar("R")
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
    wrong clock causes it. `many` is for rooms that can have many such needs. `named` has the subjects and pages of the worst needs that this one replaces, and `named_title` says how many they are.
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
    named_title: str = ""

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
class Affected:
    """The rows with one kind of need. `keys` has their keys in a column `key`, the worst first. `table` reads rows by their keys, and `many` is the line for many.

    If `varies`, the conditions depend on more than the time.
    """

    keys: Callable[[datetime], Keys]
    table: Callable[[], "QuerySet[Any]"] | None = None
    many: Callable[[], Many] | None = None
    varies: bool = False

    @cached_property
    def _written(self) -> Question:
        return written_once(self.keys)

    def question(self, now: datetime) -> Question:
        return question(self.keys(now)) if self.varies else self._written


AFFECTED: dict[str, Affected] = {}


def affected_register(
    name: str, table: Callable[[], "QuerySet[Any]"] | None = None, many: Callable[[], Many] | None = None, *, varies: bool = False
) -> Callable[[Callable[[datetime], Keys]], Callable[[datetime], Keys]]:
    """Register the decorated function, which returns the keys of the rows with the need `name`. A look asks all such functions in one query.

    The function only adds to its time and subtracts from it. `varies`: it also uses facts of the site, a file or a setting, so its SQL is written for each look.
    """

    def register(keys: Callable[[datetime], Keys]) -> Callable[[datetime], Keys]:
        AFFECTED[name] = Affected(keys, table, many, varies)
        return keys

    return register


@dataclass(frozen=True)
class Look:
    """One search for needs. `most` limits how many rows with a need are read, the worst first; None: all."""

    now: datetime
    most: int | None = None

    @cached_property
    def _first(self) -> dict[str, First]:
        """The keys of the first rows with each need, and one more than are named. One query."""
        asked = {
            name: (affected.question(self.now), self.most is not None and affected.many is not None) for name, affected in AFFECTED.items()
        }
        return first_keys(asked, self._limit + 1, self.now)

    @property
    def _limit(self) -> int:
        return MOST_NAMED if self.most is None else self.most

    @cached_property
    def totals(self) -> dict[Many, int]:
        """The number of rows with each need of which not all are read."""
        return {self._many[name]: first.total for name, first in self._first.items() if first.total and first.total > self._limit}

    @cached_property
    def _read(self) -> dict[Callable[[], "QuerySet[Any]"], dict[Any, Any]]:
        """The first rows with any need, by their table and key. One query for each table."""
        keys: dict[Callable[[], QuerySet[Any]], set[Any]] = defaultdict(set)
        for name, first in self._first.items():
            if first.keys and (table := AFFECTED[name].table):
                keys[table] |= {*first.keys[: self._limit]}
        return {table: table().in_bulk(list(found)) for table, found in keys.items()}

    @cached_property
    def _shared(self) -> dict[Callable[["Look"], Any], Any]:
        return {}

    def shared(self, reader: Callable[["Look"], R]) -> R:
        """What `reader` reads for the needs of several rooms, once for each look."""
        if reader not in self._shared:
            self._shared[reader] = reader(self)
        found: R = self._shared[reader]
        return found

    def has(self, name: str) -> bool:
        """Whether any row has the need `name`."""
        return bool(self._first[name].keys)

    def many(self, name: str) -> Many:
        """The one line for many rows with the need `name`."""
        return self._many[name]

    @cached_property
    def _many(self) -> dict[str, Many]:
        return {name: affected.many() for name, affected in AFFECTED.items() if affected.many}

    def keys(self, name: str) -> list[Any]:
        """The keys of the worst rows with the need `name`."""
        first = self._first[name].keys
        if self.most is None and len(first) > self._limit:
            return [row["key"] for row in AFFECTED[name].keys(self.now)]
        return first[: self._limit]

    def worst(self, name: str) -> Iterator[Any]:
        """The worst rows with the need `name`, in order."""
        yield from (row for _, row in self.entries(name) if row is not None)

    def entries(self, name: str) -> Iterator[tuple[Any, Any | None]]:
        """The keys of the worst rows with the need `name`, in order, each with its row; None if the table has no such row."""
        keys, table = self.keys(name), AFFECTED[name].table
        assert table is not None
        for at in range(0, len(keys), BATCH):
            batch = keys[at : at + BATCH]
            rows = self._read[table] if len(keys) <= self._limit else table().in_bulk(batch)
            yield from ((key, rows.get(key)) for key in batch)


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
    in_order, count = [entry.need for entry in same], totals.get(many, len(same))
    named = tuple((need.subject, need.url) for need in in_order[:MOST_NAMED])
    worst = min(in_order, key=lambda need: RANK[need.severity])
    one = replace(
        worst, subject="", title=many.title.format(count=count), text=many.text or f"{worst.title}: {worst.text}",
        remedy=many.remedy or worst.remedy, url=many.url, button=many.button, since=_first(in_order), key=f"{worst.code} {many.title}",
        explains_own=frozenset(), named=named, named_title=f"Show the worst {len(named)}" if count > len(named) else f"Show all {count}",
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
