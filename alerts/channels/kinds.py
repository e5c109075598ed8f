"""Kinds of channels. Each kind is a folder, and registers itself. A kind knows its fields, checks them, and sends a message."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from alerts.errors import InputInvalid, NotSent
from attention.needs import Severity

LONGEST_LINE, LONGEST_TEXT = 2000, 50_000


@dataclass(frozen=True)
class Outgoing:
    """One message for one channel. `event_id` never changes when it is sent again. `data` has JSON values, for programs.

    `event_type` is the last part of the type of the event for programs, such as `alert.opened`, `alert.digest`, `test` or `node.transition`. `subject` is the object
    that it is about, for programs; empty for a digest. `title` is one line. `text` has lines. `url` is the address of the console's page, or empty.
    """

    event_id: uuid.UUID
    event_type: str
    at: datetime
    severity: Severity
    subject: str
    title: str
    text: str
    url: str
    data: Mapping[str, Any] = field(default_factory=dict)
    possible_repeat: bool = False

    @property
    def end(self) -> str:
        """What follows the text for people: the address of the page, and whether this can be a repeat."""
        repeat = "This message may be a repeat: the console does not know whether an earlier attempt to send it arrived."
        return "\n\n".join(part for part in (self.url, repeat if self.possible_repeat else "") if part)


@dataclass(frozen=True)
class Field:
    """One field of a kind, for the form and the API. A secret is encrypted in the database and never shown. `choices` maps values to words."""

    name: str
    label: str
    help_text: str
    is_secret: bool = False
    is_required: bool = True
    default: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    lines: bool = False
    """The value has several lines."""
    examples: Mapping[str, str] = field(default_factory=dict)
    """What is entered in each case."""
    sent_to: tuple[str, ...] = ()
    """The fields that say where this secret is sent. When one of them changes, the secret must be entered again."""


class Kind(Protocol):
    """A kind of channel."""

    name: str
    label: str
    icon: str
    explanation: str
    fields: tuple[Field, ...]
    sends_state_changes: bool
    """Whether it can send the changes of state of nodes and other objects. Then it is for programs."""

    def checked(self, values: Mapping[str, str]) -> dict[str, str]:
        """The values of all fields as they are stored. `values` is what `fields_checked` returned. Raises: alerts.errors.InputInvalid."""

    def address(self, values: Mapping[str, str]) -> str:
        """Where it sends to, in a few words and without secrets: `ops@site.example`, `hooks.site.example`."""

    def send(self, values: Mapping[str, str], message: Outgoing) -> None:
        """Send within 15 s. Raises: alerts.errors.NotSent."""


def fields_checked(kind: Kind, values: Mapping[str, str]) -> dict[str, str]:
    """A value for every field, as far as any kind of channel can check it. An empty value becomes the default. Raises: InputInvalid."""
    known = {definition.name: definition for definition in kind.fields}
    errors = {
        name: [f"“{name[:40]}” is not a field of this kind of channel. Its fields are: {', '.join(known)}."]
        for name in values.keys() - known
    }
    found: dict[str, str] = {}
    for name, definition in known.items():
        found[name] = values.get(name, "").strip("\r\n" if definition.is_secret else None) or definition.default
        if problem := _problem(definition, found[name]):
            errors[name] = [problem]
    if errors:
        raise InputInvalid(errors)
    return found


def _problem(known: Field, value: str) -> str:
    if not value:
        return f"Enter a value for “{known.label}”." if known.is_required else ""
    if known.choices and value not in known.choices:
        return f"Choose one of: {', '.join(known.choices)}."
    most = LONGEST_TEXT if known.lines else LONGEST_LINE
    if len(value) > most or not all(line.isprintable() for line in (value.splitlines() if known.lines else [value])):
        return f"“{known.label}” must have at most {most} printable characters{'' if known.lines else ', in one line'}."
    return ""


class UnknownKind:
    """The kind of a channel that a newer version of the console has stored."""

    label, icon, explanation = "unknown kind", "help", ""
    fields: tuple[Field, ...] = ()
    sends_state_changes = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.remedy = (
            f"This version of the console does not know channels of the kind “{name}”. Start the newer version, or delete the channel."
        )

    def checked(self, values: Mapping[str, str]) -> dict[str, str]:
        raise InputInvalid({"kind": [self.remedy]})

    def address(self, values: Mapping[str, str]) -> str:
        return ""

    def send(self, values: Mapping[str, str], message: Outgoing) -> None:
        raise NotSent(self.remedy)


KINDS: dict[str, Kind] = {}


def kind_register(kind: Kind) -> None:
    """Raises: ValueError for a name in use."""
    if kind.name in KINDS:
        raise ValueError(f"Channels of kind {kind.name!r} are registered already.")
    KINDS[kind.name] = kind


def kind_named(name: str) -> Kind:
    """The kind of a stored channel."""
    return KINDS.get(name) or UnknownKind(name)
