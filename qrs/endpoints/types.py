"""What the types of this API share: times, condensed objects, enumerations and privileges."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from audit.actors import Actor

NO_ID = str(UUID(int=0))
NO_TIME = "1753-01-01T00:00:00.000000Z"


@dataclass(frozen=True)
class Enumeration:
    """Numbers with names. `usages` are the fields that have them."""

    name: str
    values: Mapping[str, int]
    usages: tuple[str, ...]

    def json(self) -> dict[str, Any]:
        return {"values": [f"{number}: {name}" for name, number in self.values.items()], "usages": list(self.usages)}


def time_text(at: datetime | None) -> str:
    """A time in UTC with microseconds, so that two changes have different times."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if at else NO_TIME


def privileges(actor: Actor, permissions: Mapping[str, str]) -> list[str]:
    """What the actor may do with an object: the names of the permissions that they have."""
    return [name for name, permission in permissions.items() if actor.has_perm(permission)]


def counted(number: int) -> dict[str, int]:
    """The answer of a count."""
    return {"value": number}
