"""What an agent that waits for a package answers to the central node, checked at the door (`/status/servicestate`)."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pki.core import addresses, clocks
from pki.core.json_text import json_read
from pki.exchange.package_header import FINGERPRINT, TRUST_ZONE

MOST_PACKAGES, MOST_WRONG, LONGEST_URL = 1000, 1000, 100
SETUP_URL = re.compile(r"http://(?P<host>[a-z0-9.]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?/certificateSetup")


@dataclass(frozen=True)
class AgentStatus:
    """`value` is 1 while the agent takes packages and 2 while it does not; `waiting` and `refused` are digests of packages.

    `setup_url` is "" unless it is one that a person on the node can open: its own setup page on a loopback address.
    """

    value: int
    waiting: frozenset[str]
    refused: frozenset[str]
    wrong_passwords: int
    trust_zone: str | None
    setup_url: str
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


def _setup_url(told: Any) -> str:
    found = SETUP_URL.fullmatch(told) if isinstance(told, str) and len(told) <= LONGEST_URL else None
    good = found is not None and addresses.is_loopback(addresses.bare(found["host"])) and 0 < int(found["port"] or 80) < 65536
    return told if good else ""


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
            setup_url=_setup_url(told.get("setup_url")),
            paused_until=clocks.parsed(paused_until) if paused_until is not None else None,
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError) as exc:
        raise ValueError("this is no answer of an agent") from exc
