"""What needs a person: one type for the overview, the API and, later, alerts.

`code` and `subject` together name a need: the same cause keeps both for as long as it lasts. docs/troubleshooting.md lists the codes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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

    `explains` holds the codes of needs that this one causes: they wait until it is solved.
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

    @property
    def colour(self) -> str:
        return COLORS[self.severity]


@dataclass(frozen=True)
class Ranked:
    """A need, and the title of the one that causes it, if any does."""

    need: Need
    explained_by: str = ""


def ranked(needs: Iterable[Need]) -> list[Ranked]:
    """A need that explains others first (of two, the one that explains more), then the worst first; the explained ones last."""
    found = sorted(needs, key=lambda need: (not need.explains, RANK[need.severity], -len(need.explains)))
    causes: dict[str, Need] = {}
    for need in reversed(found):
        causes |= dict.fromkeys(need.explains, need)

    def cause(need: Need) -> str:
        found = causes.get(need.code)
        return found.title if found is not None and found is not need else ""

    return sorted((Ranked(need, cause(need)) for need in found), key=lambda each: bool(each.explained_by))
