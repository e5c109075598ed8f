"""Actions on many rows of a list. The app that does them registers itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from audit.actors import Actor


@dataclass(frozen=True)
class ListAction:
    """An action that a person may begin on chosen rows. Its preview is at `url`. What it does cannot be undone if it has `danger`."""

    name: str
    label: str
    url: str
    danger: bool = False


Finder = Callable[[str, Actor], Sequence[ListAction]]
_finders: list[Finder] = []


def list_actions_register(finder: Finder) -> Finder:
    """Register the decorated function, which returns the actions of the list with a name that an actor may begin."""
    _finders.append(finder)
    return finder


def list_actions(name: str, actor: Actor) -> list[ListAction]:
    """The actions of a list for `actor`. None for a list without a name."""
    return [action for finder in _finders for action in finder(name, actor)] if name else []
