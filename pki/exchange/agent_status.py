"""The status of an agent that waits for a package (`/status/servicestate`), checked when the central node reads it."""

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


def _digests(value: Any) -> frozenset[str]:
    if (
        not isinstance(value, list)
        or len(value) > MOST_PACKAGES
        or not all(isinstance(item, str) and FINGERPRINT.fullmatch(item) for item in value)
    ):
        raise ValueError("these are not digests")
    return frozenset(value)


def _number(value: Any, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError("this is not a number in the range")
    return value


def _setup_url(value: Any) -> str:
    found = SETUP_URL.fullmatch(value) if isinstance(value, str) and len(value) <= LONGEST_URL else None
    good = found is not None and addresses.is_loopback(addresses.bare(found["host"])) and 0 < int(found["port"] or 80) < 65536
    return value if good else ""


def parse(body: bytes) -> AgentStatus:
    """Raises: ValueError if it is not the answer of an agent."""
    try:
        content = json_read(body)
        trust_zone, paused_until = content["trust_zone"], content.get("paused_until")
        if trust_zone is not None and not (isinstance(trust_zone, str) and TRUST_ZONE.fullmatch(trust_zone)):
            raise ValueError("this is not the id of a trust zone")
        return AgentStatus(
            value=_number(content["value"], 2), waiting=_digests(content["waiting"]), refused=_digests(content["refused"]),
            wrong_passwords=_number(content["wrong_passwords"], MOST_WRONG), trust_zone=trust_zone,
            setup_url=_setup_url(content.get("setup_url")),
            paused_until=clocks.parsed(paused_until) if paused_until is not None else None,
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError) as exc:
        raise ValueError("this is not the answer of an agent") from exc
