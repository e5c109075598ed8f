"""Words for the holders of names, nodes and exports. Their rooms register the functions."""

import uuid
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from certs.names.models import HolderKind, NameHolder


@dataclass(frozen=True)
class HolderWords:
    """A holder in words ("the node rim1"), the address of its page, and how a person can free the name."""

    words: str
    url: str
    remedy: str


Finder = Callable[[Collection[uuid.UUID]], dict[uuid.UUID, HolderWords]]
_finders: dict[HolderKind, Finder] = {}


def name_holder_register(kind: HolderKind) -> Callable[[Finder], Finder]:
    """Register the decorated function: it returns the words for each id of a holder of `kind`."""

    def register(finder: Finder) -> Finder:
        _finders[kind] = finder
        return finder

    return register


def holder_words(holders: Iterable[NameHolder]) -> dict[uuid.UUID, HolderWords]:
    """The words for each holder, by its id: one query for each kind."""
    ids: dict[HolderKind, set[uuid.UUID]] = {}
    for holder in holders:
        ids.setdefault(HolderKind(holder.kind), set()).add(holder.holder_id)
    return {key: words for kind, found in ids.items() for key, words in _finders[kind](found).items()}
