"""The report of a heartbeat: one format for the agent, which writes it, and the central node, which reads it."""

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pki.cluster.proofs import LARGEST_PROOF
from pki.core.errors import ReportInvalid
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
    nullable,
    object_with,
    one_of,
    opened,
    place,
    sha256,
    stamp,
    text,
    turn,
)
from pki.foreign import browser_choice

LARGEST_REPORT = 65536
HELD = ("service", "client", "cluster", "browser")
MOST_ROOTS, MOST_SERVED, MOST_KEYS, MOST_CENTRAL = 50, 11, 10, 10


@dataclass(frozen=True)
class Report:
    """One report. Members that an older agent does not send are empty."""

    generation: int
    clock: datetime
    trusts: list[str]
    revocation_lists: dict[str, int]
    installed: dict[str, str]
    served: dict[str, str | None]
    listening: bool
    database_keys: list[str]
    proofs: dict[str, bytes]
    hook: dict[str, Any] = dataclasses.field(default_factory=dict)
    browser: dict[str, str] = dataclasses.field(default_factory=dict)
    cluster_proof: str = ""
    version: str = ""
    system: str = ""
    central_addresses: list[str] = dataclasses.field(default_factory=list)
    central_called: str = ""
    turn: str = ""
    node: str = ""

    @classmethod
    def parse(cls, body: bytes) -> "Report":
        """Read a report. Raises: ReportInvalid, which names the field."""
        try:
            return cls(**members(body, "report", LARGEST_REPORT, required=REQUIRED, optional=OPTIONAL))
        except Malformed as exc:
            raise ReportInvalid(exc.field, str(exc)) from exc

    def to_json(self) -> dict[str, Any]:
        """The JSON that is sent, and that `parse` reads."""
        written = {"clock": self.clock.isoformat(), "proofs": {key_id: opened.hex() for key_id, opened in self.proofs.items()}}
        # Earlier central nodes accept null for a missing hook or choice, but no empty object.
        return dataclasses.asdict(self) | written | {name: getattr(self, name) or None for name in OPTIONAL}


REQUIRED: dict[str, Read] = {
    "generation": generation,
    "clock": moment,
    "trusts": list_of(sha256, MOST_ROOTS),
    "revocation_lists": map_of(sha256, integer(0, 2**63 - 1), MOST_ROOTS),
    "installed": map_of(one_of(*HELD), sha256, len(HELD)),
    "served": map_of(text("[a-z0-9-]{1,20}", "at most 20 of a-z, 0-9 and -"), nullable(sha256), MOST_SERVED),
    "listening": boolean,
    "database_keys": list_of(key_id, MOST_KEYS),
    "proofs": map_of(key_id, opened, MOST_KEYS),
}
# Absent or null if the agent is older, or has nothing to report.
OPTIONAL: dict[str, Read] = {
    "hook": object_with(at=stamp, exit=nullable(integer(-255, 255)), generation=generation),
    "browser": object_with(revision=text("(?:[0-9a-f]{64})?", "a SHA-256 or empty"), problem=one_of("", *sorted(browser_choice.PROBLEMS))),
    "cluster_proof": text(rf"[A-Za-z0-9._-]{{0,{LARGEST_PROOF}}}", f"a compact JWS of at most {LARGEST_PROOF} characters"),
    "version": text("[0-9A-Za-z.+-]{0,40}", "a version: at most 40 letters, digits, dots, + and -"),
    "system": text("[ -~]{0,100}", "at most 100 printable ASCII characters"),
    "central_addresses": list_of(place, MOST_CENTRAL),
    "central_called": place,
    "turn": turn,
    "node": text("[0-9a-f-]{0,36}", "the id of a node"),
}
