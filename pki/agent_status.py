"""What an agent that waits for a package answers to the central node, checked at the door (`/status/servicestate`)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pki import clocks
from pki.json_text import json_read
from pki.package_header import FINGERPRINT, TRUST_ZONE

MOST_PACKAGES, MOST_WRONG = 1000, 1000


@dataclass(frozen=True)
class AgentStatus:
    """`value` is 1 while the agent takes packages and 2 while it does not; `waiting` and `refused` are digests of packages."""

    value: int
    waiting: frozenset[str]
    refused: frozenset[str]
    wrong_passwords: int
    trust_zone: str | None
    paused_until: datetime | None


def _digests(told: Any) -> frozenset[str]:
    if (
        not isinstance(told, list)
        or len(told) > MOST_PACKAGES
        or not all(isinstance(each, str) and FINGERPRINT.fullmatch(each) for each in told)
    ):
        raise ValueError("these are no digests")
    return frozenset(told)


def _number(told: Any, most: int) -> int:
    if type(told) is not int or not 0 <= told <= most:
        raise ValueError("this is no number in its range")
    return told


def parse(body: bytes) -> AgentStatus:
    """Raises: ValueError for anything but an agent's answer."""
    try:
        told = json_read(body)
        trust_zone, paused_until = told["trust_zone"], told.get("paused_until")
        if trust_zone is not None and not (isinstance(trust_zone, str) and TRUST_ZONE.fullmatch(trust_zone)):
            raise ValueError("this is no trust zone")
        return AgentStatus(
            value=_number(told["value"], 2), waiting=_digests(told["waiting"]), refused=_digests(told["refused"]),
            wrong_passwords=_number(told["wrong_passwords"], MOST_WRONG), trust_zone=trust_zone,
            paused_until=clocks.parsed(paused_until) if paused_until is not None else None,
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError) as exc:
        raise ValueError("this is no answer of an agent") from exc
