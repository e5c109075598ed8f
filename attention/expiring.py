"""Things that expire: one type for the expiry board and, later, for metrics. Each room registers a function that finds its own."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from audit.actors import Actor

# The kinds in the order of the picture on the board, and the word for each.
KINDS = {
    "root": "root", "service": "service", "client": "client", "cluster": "cluster", "server": "browser-facing",
    "revocation_list": "revocation list", "export": "export", "registration_password": "registration password", "token": "API token", "backup": "verified backup",
}  # fmt: skip


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


Provider = Callable[[datetime], Iterable[Expiring | Endless]]
_providers: list[tuple[str, Provider]] = []


def expiring_register(permission: str) -> Callable[[Provider], Provider]:
    """Register the decorated function, which finds the things of its room that expire, in a fixed number of queries.

    A person without `permission` does not see it.
    """

    def register(provider: Provider) -> Provider:
        _providers.append((permission, provider))
        return provider

    return register


def expiring(*, actor: Actor, now: datetime) -> Iterator[Expiring | Endless]:
    """Everything that `actor` may see, in no order. Raises: ZoneMissing."""
    for permission, provider in _providers:
        if actor.has_perm(permission):
            yield from provider(now)
