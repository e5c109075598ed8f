"""Things that expire: one type for the expiry board, alerts and, later, metrics. Each room registers its own: a function for few things, a table for many."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from django.db.models import Q, QuerySet

from audit.actors import Actor

BATCH = 500

# The kinds in the order of the picture on the board, and the word for each.
KINDS = {
    "root": "root", "service": "service", "client": "client", "cluster": "cluster", "server": "browser-facing",
    "revocation_list": "revocation list", "export": "export", "registration_password": "registration password", "token": "API token", "backup": "verified backup",
}  # fmt: skip

OF_HOLDERS = ("service", "client")  # certificates that are called after their holder


class Happens(StrEnum):
    BY_ITSELF = "by_itself"
    BY_HAND = "by_hand"


@dataclass(frozen=True)
class ExpiryWording:
    """What will happen before or at the expiry date. `due_at` is set only for automatic work at a known moment."""

    happens: Happens
    text: str
    due_at: datetime | None = None


def by_itself(text: str, due_at: datetime | None = None) -> ExpiryWording:
    return ExpiryWording(Happens.BY_ITSELF, text, due_at)


def by_hand(text: str) -> ExpiryWording:
    return ExpiryWording(Happens.BY_HAND, text)


@dataclass(frozen=True)
class Expiring:
    """One thing with an expiry date. `holder` has it, `owner` is responsible for it. `id` is None if it has no row, and `url` is empty if it has no page."""

    id: str | None
    kind: str
    subject: str
    holder: str
    owner: str
    not_before: datetime
    not_after: datetime
    wording: ExpiryWording
    url: str

    @property
    def kind_word(self) -> str:
        return KINDS[self.kind]

    @property
    def title(self) -> str:
        """Its name for people. All client certificates have the same subject, so the holder names it: client certificate of rim07."""
        return f"{self.kind_word} certificate of {self.holder}" if self.kind in OF_HOLDERS and self.holder else self.subject

    @property
    def heading(self) -> str:
        """Its title at the start of a line. A subject keeps its case, because it can be a host name or the name of a token."""
        return self.title if self.title == self.subject else self.title[:1].upper() + self.title[1:]

    @property
    def named(self) -> str:
        """Its kind and its name, as the subject of a sentence."""
        return f"The {self.title}" if self.title != self.subject else f"The {self.kind_word} {self.subject}"

    @property
    def identity(self) -> str:
        """The same in later requests."""
        return self.id or self.kind


@dataclass(frozen=True)
class Endless:
    """A thing of a kind that can expire, without an expiry date."""

    id: str | None
    kind: str
    subject: str
    owner: str
    explanation: str
    needs_a_hand: bool = False

    @property
    def kind_word(self) -> str:
        return KINDS[self.kind]


@dataclass(frozen=True)
class Forecast:
    """Rows that meet the condition `own` are due at the time in their `field`, all others at `rest_at`; None: never. None is due after `rest_at`."""

    field: str
    own: Q
    rest_at: datetime | None


Provider = Callable[[datetime], Iterable[Expiring | Endless]]
_providers: list[tuple[str, Provider]] = []


class ExpiringTable(ABC):
    """Things of which a site can have many. The database counts, filters and pages them; only those that are shown become objects.

    A person without `permission` does not see them. `kind` is their kind, or "" if the field `kind` of a row has it.
    """

    permission: ClassVar[str]
    kind: ClassVar[str] = ""
    searched: ClassVar[tuple[str, ...]]

    @abstractmethod
    def rows(self) -> "QuerySet[Any]":
        """All of them. Each row has `not_after`."""

    @abstractmethod
    def by_hand(self, now: datetime) -> Q:
        """The rows that require an action. It agrees with the wording of `things`."""

    @abstractmethod
    def things(self, rows: Sequence[Any], now: datetime) -> list[Expiring]:
        """These rows as things, in their order; a fixed number of queries."""

    def matching(self, text: str) -> Q:
        """The rows that a search for `text` finds."""
        return Q(*((f"{name}__icontains", text) for name in self.searched), _connector=Q.OR)

    def due_by(self, moment: datetime) -> Q:
        """The rows that are renewed automatically at `moment` or earlier, if nothing prevents it, because of their own age."""
        return Q(pk__in=[])

    def forecast(self) -> "Forecast | None":
        """When the rows are renewed automatically, if nothing prevents it. None: never."""
        return None

    def replaced_by(self, moment: datetime) -> Q:
        """The same, because of their own age or for another reason."""
        return self.due_by(moment)


_tables: list[ExpiringTable] = []


def expiring_register(permission: str) -> Callable[[Provider], Provider]:
    """Register the decorated function, which finds the few things of its room that expire, in a fixed number of queries.

    A person without `permission` does not see it.
    """

    def register(provider: Provider) -> Provider:
        _providers.append((permission, provider))
        return provider

    return register


def table_register(table: type[ExpiringTable]) -> type[ExpiringTable]:
    """Register the decorated class."""
    _tables.append(table())
    return table


def few_expiring(*, actor: Actor, now: datetime) -> Iterator[Expiring | Endless]:
    """The things of rooms with few, that `actor` may see, in no order. Raises: ZoneMissing."""
    for permission, provider in _providers:
        if actor.has_perm(permission):
            yield from provider(now)


def tables_of(actor: Actor) -> list[ExpiringTable]:
    """The tables that `actor` may see."""
    return [table for table in _tables if actor.has_perm(table.permission)]


def expiring_by(moment: datetime, *, actor: Actor, now: datetime) -> Iterator[Expiring | Endless]:
    """Everything of rooms with few, and of the others what expires at `moment` or earlier, or is due for renewal now, in no order. Raises: ZoneMissing."""
    yield from few_expiring(actor=actor, now=now)
    for table in tables_of(actor):
        batch: list[Any] = []
        for row in table.rows().filter(Q(not_after__lte=moment) | table.due_by(now)).iterator(chunk_size=BATCH):
            batch.append(row)
            if len(batch) == BATCH:
                yield from table.things(batch, now)
                batch = []
        yield from table.things(batch, now)
