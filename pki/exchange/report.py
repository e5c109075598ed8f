"""What a node reports with each call: one format, for the agent that writes it and for the central node that reads it."""

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pki.cluster.tokens import LARGEST_PROOF
from pki.core import clocks
from pki.core.errors import ReportInvalid
from pki.core.json_text import json_read
from pki.exchange.package_header import LARGEST_GENERATION
from pki.foreign import browser_choice

LARGEST_REPORT = 65536
HELD = ("service", "client", "cluster", "browser")
MOST_ROOTS, MOST_SERVED, MOST_KEYS, MOST_CENTRAL = 50, 11, 10, 10

Read = Callable[[Any], Any]


@dataclass(frozen=True)
class Report:
    """One report. What an older agent does not send is empty."""

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

    def content(self) -> dict[str, Any]:
        """As it goes over the wire, and as `report_from` reads it."""
        written = {"clock": self.clock.isoformat(), "proofs": {key_id: opened.hex() for key_id, opened in self.proofs.items()}}
        # Earlier central nodes take null, and no empty object, for a hook or choice that is not there.
        return dataclasses.asdict(self) | written | {name: getattr(self, name) or None for name in OPTIONAL}


def _integer(low: int, high: int) -> Read:
    def read(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:  # a bool is an int too
            raise ValueError(f"must be an integer from {low} to {high}")
        return value

    return read


def _text(pattern: str, meaning: str) -> Read:
    allowed = re.compile(pattern)

    def read(value: Any) -> str:
        if not isinstance(value, str) or not allowed.fullmatch(value):
            raise ValueError(f"must be {meaning}")
        return value

    return read


def _one_of(*values: str) -> Read:
    return _text("|".join(map(re.escape, values)), f"one of {', '.join(value or 'an empty text' for value in values)}")


def _nullable(inner: Read) -> Read:
    return lambda value: None if value is None else inner(value)


def _list(inner: Read, most: int) -> Read:
    def read(value: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) > most:
            raise ValueError(f"must be a list of at most {most}")
        return [inner(each) for each in value]

    return read


def _map(key: Read, inner: Read, most: int) -> Read:
    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or len(value) > most:
            raise ValueError(f"must be an object with at most {most} members")
        return {key(name): inner(each) for name, each in value.items()}

    return read


def _object(**members: Read) -> Read:
    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or not members.keys() <= value.keys():
            raise ValueError(f"must be an object with {', '.join(members)}")
        return {name: inner(value[name]) for name, inner in members.items()}

    return read


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError("must be true or false")
    return value


def _moment(value: Any) -> datetime:
    try:
        return clocks.parsed(value)
    except ValueError as exc:
        raise ValueError("must be a time with its UTC offset, in the years 1970 to 9999") from exc


def _stamp(value: Any) -> str:
    return _moment(value).isoformat()


def _opened(value: Any) -> bytes:
    return bytes.fromhex(_text("(?:[0-9a-f]{2}){1,64}", "at most 64 bytes in lower-case hexadecimal")(value))


_sha256 = _text("[0-9a-f]{64}", "a SHA-256 fingerprint: 64 lower-case hexadecimal digits")
_key_id = _text("[0-9a-f]{16}", "a key id: 16 lower-case hexadecimal digits")
_place = _text(r"[A-Za-z0-9.:\[\]-]{0,270}", "ADDRESS:PORT, or empty")
_generation = _integer(0, LARGEST_GENERATION)
REQUIRED: dict[str, Read] = {
    "generation": _generation,
    "clock": _moment,
    "trusts": _list(_sha256, MOST_ROOTS),
    "revocation_lists": _map(_sha256, _integer(0, 2**63 - 1), MOST_ROOTS),
    "installed": _map(_one_of(*HELD), _sha256, len(HELD)),
    "served": _map(_text("[a-z0-9-]{1,20}", "at most 20 of a-z, 0-9 and -"), _nullable(_sha256), MOST_SERVED),
    "listening": _boolean,
    "database_keys": _list(_key_id, MOST_KEYS),
    "proofs": _map(_key_id, _opened, MOST_KEYS),
}
# Absent or null where the agent is older, or where there is nothing to report.
OPTIONAL: dict[str, Read] = {
    "hook": _object(at=_stamp, exit=_nullable(_integer(-255, 255)), generation=_generation),
    "browser": _object(revision=_text("(?:[0-9a-f]{64})?", "a SHA-256 or empty"), problem=_one_of("", *sorted(browser_choice.PROBLEMS))),
    "cluster_proof": _text(rf"[A-Za-z0-9._-]{{0,{LARGEST_PROOF}}}", f"a compact JWS of at most {LARGEST_PROOF} characters"),
    "version": _text("[0-9A-Za-z.+-]{0,40}", "a version: at most 40 letters, digits, dots, + and -"),
    "system": _text("[ -~]{0,100}", "at most 100 printable ASCII characters"),
    "central_addresses": _list(_place, MOST_CENTRAL),
    "central_called": _place,
    "turn": _text("[0-9a-f]{0,80}", "at most 80 lower-case hexadecimal digits"),
    "node": _text("[0-9a-f-]{0,36}", "the id of a node"),
}
# What the central node keeps of a report, and of its own beside it.
KEPT: dict[str, tuple[Read, Any]] = {
    **{name: (REQUIRED[name], list) for name in ("trusts", "database_keys")},
    **{name: (REQUIRED[name], dict) for name in ("revocation_lists", "installed", "served")},
    **{name: (OPTIONAL[name], dict) for name in ("hook", "browser")},
    "central_addresses": (OPTIONAL["central_addresses"], list),
    "proved": (_map(_key_id, _stamp, MOST_KEYS), dict),
    "challenges": (_map(_key_id, _sha256, MOST_KEYS), dict),
}


def report_from(body: bytes) -> Report:
    """Read a report. Raises: ReportInvalid, which names the field."""
    if len(body) > LARGEST_REPORT:
        raise ReportInvalid("", f"The report has more than {LARGEST_REPORT} bytes.")
    try:
        content = json_read(body)
    except ValueError as exc:
        raise ReportInvalid("", "The report is not JSON.") from exc
    if not isinstance(content, dict):
        raise ReportInvalid("", "The report is not a JSON object.")
    found = {}
    for name, read in (REQUIRED | OPTIONAL).items():
        if name in OPTIONAL and content.get(name) is None:
            continue
        if name not in content:
            raise ReportInvalid(name, f"{name} is missing.")
        try:
            found[name] = read(content[name])
        except ValueError as exc:
            raise ReportInvalid(name, f"{name}: {exc}.") from exc
    return Report(**found)


def kept(name: str, value: Any) -> Any:
    """What was stored of a report, as `KEPT` names it: empty where today no report may say that. Older versions and backups hold such values."""
    read, empty = KEPT[name]
    try:
        return read(value)
    except ValueError:
        return empty()
