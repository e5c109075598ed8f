"""What a check found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """`level` is ok, warning or blocker; `remedy` says what to do; `field` names the input it is about."""

    code: str
    level: str
    title: str
    remedy: str = ""
    field: str = ""
