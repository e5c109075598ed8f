"""The answer to a heartbeat: one format for the central node, which writes it, and the agent, which reads it."""

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pki.core.errors import AnswerInvalid
from pki.exchange.readers import (
    Malformed,
    Read,
    boolean,
    generation,
    integer,
    key_id,
    list_of,
    map_of,
    members,
    moment,
    nudging,
    object_with,
    place,
    text,
    turn,
)  # fmt: skip
from pki.exchange.report import MOST_CENTRAL, MOST_KEYS

LARGEST_ANSWER = 65536


@dataclass(frozen=True)
class Answer:
    """One answer. Members that an older central node does not send are empty.

    `package` is the generation that is offered. `browser` is the revision of the certificate chosen for browsers, "" if none is chosen, None if
    the answer does not have it. `nudged_by` are the SHA-256 fingerprints of the client certificates that may ask the node to call now. `challenges` are sealed values in base64, by key id. The next heartbeat is due after `interval_s` seconds.
    """

    now: datetime | None = None
    interval_s: int = 60
    reopen: bool = False
    trust: bool = False
    package: int | None = None
    browser: str | None = None
    turn: str = ""
    challenges: dict[str, str] = dataclasses.field(default_factory=dict)
    cluster_challenge: str = ""
    retired_database_keys: list[str] = dataclasses.field(default_factory=list)
    central_addresses: list[str] = dataclasses.field(default_factory=list)
    nudged_by: list[str] = dataclasses.field(default_factory=list)

    @classmethod
    def parse(cls, body: bytes) -> "Answer":
        """Read an answer. Raises: AnswerInvalid, which names the member."""
        try:
            found = members(body, "answer", LARGEST_ANSWER, required={}, optional=MEMBERS)
        except Malformed as exc:
            raise AnswerInvalid(f"The answer of the central node cannot be read: {exc} Update this agent.") from exc
        return cls(**found | ({"package": found["package"]["generation"]} if "package" in found else {}))

    def to_json(self) -> dict[str, Any]:
        """The JSON that is sent, and that `parse` reads."""
        package = None if self.package is None else {"generation": self.package}
        return dataclasses.asdict(self) | {"now": self.now.isoformat() if self.now else None, "package": package}


MEMBERS: dict[str, Read] = {
    "now": moment,
    "interval_s": integer(0, 86400),
    "reopen": boolean,
    "trust": boolean,
    "package": object_with(generation=generation),
    "browser": text("(?:[0-9a-f]{64})?", "a SHA-256 or empty"),
    "turn": turn,
    "challenges": map_of(key_id, text("[A-Za-z0-9+/=]{0,400}", "base64 of at most 400 characters"), MOST_KEYS),
    "cluster_challenge": text("[0-9a-f]{0,64}", "at most 64 lower-case hexadecimal digits"),
    "retired_database_keys": list_of(key_id, MOST_KEYS),
    "central_addresses": list_of(place, MOST_CENTRAL),
    "nudged_by": nudging,
}
