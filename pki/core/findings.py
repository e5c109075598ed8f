"""The result of a check."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """`level` is ok, warning or blocker; `remedy` says what to do; `field` is the input."""

    code: str
    level: str
    title: str
    remedy: str = ""
    field: str = ""
