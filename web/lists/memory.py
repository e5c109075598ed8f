"""What people keep of a list: their columns, the number of rows on a page, and saved views. The app that stores it registers itself."""

import uuid
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class KeptChoice:
    """The columns of a person, in their order, and the rows on a page. Empty and 0: those of the list."""

    columns: tuple[str, ...] = ()
    size: int = 0


@dataclass(frozen=True)
class KeptView:
    """A saved view: a name and the query of the address. `owner` is empty for one's own."""

    pk: uuid.UUID
    name: str
    query: str
    owner: str = ""


class Memory(Protocol):
    """Stores what people keep. Each function takes one query."""

    def choice(self, account: Any, name: str) -> KeptChoice: ...

    def views(self, account: Any, name: str) -> list[KeptView]: ...


_memories: list[Memory] = []


def memory_register(memory: Memory) -> None:
    """Raises: ValueError if another one is registered."""
    if _memories:
        raise ValueError(f"{_memories[0]!r} keeps the choices of people already.")
    _memories.append(memory)


def kept_choice(account: Any, name: str) -> KeptChoice:
    """The choice for the list with this name. Lists without a name have none."""
    return _memories[0].choice(account, name) if name and _memories else KeptChoice()


def kept_views(account: Any, name: str) -> list[KeptView]:
    """One's own views of the list, and those that others share."""
    return _memories[0].views(account, name) if name and _memories else []
