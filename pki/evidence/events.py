"""Events of the audit log as evidence: their digests, and their form in a file. Each digest covers the previous one."""

import hashlib
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from pki.core.errors import EventMalformed

LARGEST_LINE = 1_000_000  # characters
DONE = "done"
canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode


@dataclass(frozen=True)
class Place:
    """A place in the chain: the sequence number and the digest of an event. The default is the start."""

    sequence: int = 0
    digest: str = ""


class EventContent(Protocol):
    """An event of the log: a row of the database, or a line of a file."""

    @property
    def sequence(self) -> int: ...
    @property
    def id(self) -> uuid.UUID: ...
    @property
    def at(self) -> datetime: ...
    @property
    def actor(self) -> str: ...
    @property
    def action(self) -> str: ...
    @property
    def outcome(self) -> str: ...
    @property
    def target_type(self) -> str: ...
    @property
    def target_id(self) -> uuid.UUID: ...
    @property
    def target_label(self) -> str: ...
    @property
    def detail(self) -> dict[str, Any]: ...
    @property
    def request_id(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def credential(self) -> str: ...
    @property
    def previous(self) -> str: ...
    @property
    def digest(self) -> str: ...


def _content(event: EventContent) -> dict[str, Any]:
    """What the digest of an event covers.

    Later versions have more fields. Such a field is part of the content if it differs from its default, so older events keep their digests, and a
    value that is changed, added or reset to the default changes the digest.
    """
    content = {
        "sequence": event.sequence,
        "id": str(event.id),
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": event.actor,
        "action": event.action,
        "target": [event.target_type, str(event.target_id), event.target_label],
        "detail": event.detail,
        "previous": event.previous,
    }
    later = {"outcome": (event.outcome, DONE), "request_id": (event.request_id, "")}
    later |= {"address": (event.address, ""), "credential": (event.credential, "")}
    return content | {name: value for name, (value, default) in later.items() if value != default}


def digest_of(event: EventContent, **place: Any) -> str:
    """The SHA-256 of the event's content, which includes the previous digest: 64 hexadecimal digits.

    `place`: `sequence` and `previous` of another place, where the event would have this digest.
    """
    return hashlib.sha256(canonical(_content(event) | place).encode()).hexdigest()


def event_line(event: EventContent) -> str:
    """The event as one line of JSON, without a line break: what its digest covers, and the digest."""
    return canonical(_content(event) | {"digest": event.digest})


@dataclass(frozen=True)
class RecordedEvent:
    """An event as a file has it."""

    sequence: int
    id: uuid.UUID
    at: datetime
    actor: str
    action: str
    target_type: str
    target_id: uuid.UUID
    target_label: str
    detail: dict[str, Any]
    previous: str
    digest: str
    outcome: str = DONE
    request_id: str = ""
    address: str = ""
    credential: str = ""

    @classmethod
    def from_line(cls, line: str) -> "RecordedEvent":
        """The event of one line, with or without its line break.

        An event has one form only, that of `event_line`: two readers never understand one line differently. Raises: EventMalformed.
        """
        text = line.removesuffix("\n")
        try:
            if len(text) > LARGEST_LINE:
                raise ValueError("it is too long")
            event = cls._from_content(json.loads(text))
            if event_line(event) != text:
                raise ValueError("it has another form")
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as exc:
            raise EventMalformed(f"The line is not an event of an audit log. It begins with {text[:40]!r}.") from exc
        return event

    @classmethod
    def _from_content(cls, content: dict[str, Any]) -> "RecordedEvent":
        kind, target_id, label = content.pop("target")
        given = content | {"target_type": kind, "target_id": uuid.UUID(target_id), "target_label": label}
        event = cls(**given | {"id": uuid.UUID(content["id"]), "at": datetime.fromisoformat(content["at"])})
        texts = (event.actor, event.action, event.outcome, kind, label, event.request_id, event.address, event.credential, event.previous)
        if not all(isinstance(text, str) for text in (*texts, event.digest)) or type(event.sequence) is not int:
            raise TypeError("a member has another type")
        if not isinstance(event.detail, dict) or event.at.tzinfo is None or event.sequence < 1:
            raise ValueError("a member has another form")
        return event
