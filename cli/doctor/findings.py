"""What doctor finds: a level, a stable code, what was seen, and what to do next."""

from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    level: Level
    code: str
    text: str
    remedy: str = ""

    def as_row(self) -> dict[str, str]:
        return asdict(self)


def ok(code: str, text: str) -> Finding:
    return Finding(Level.OK, code, text)


def warning(code: str, text: str, remedy: str) -> Finding:
    return Finding(Level.WARNING, code, text, remedy)


def problem(code: str, text: str, remedy: str) -> Finding:
    return Finding(Level.PROBLEM, code, text, remedy)


MOST_CLOCK_OFFSET_S = 60


def clock(code: str, offset_s: float, other: str) -> Finding:
    """`offset_s`: the other clock minus the one here."""
    if abs(offset_s) <= MOST_CLOCK_OFFSET_S:
        return ok(code, f"The clock of {other} and the clock here differ by less than {MOST_CLOCK_OFFSET_S} s.")
    side = "ahead of" if offset_s > 0 else "behind"
    text = f"The clock of {other} is {abs(offset_s):.0f} s {side} the clock here."
    return problem(code, text, "Set both clocks, with NTP. Certificates are refused by a machine whose clock is wrong.")
