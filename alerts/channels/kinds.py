"""Kinds of channels. Each kind is a folder, and registers itself. A kind knows its fields, checks them, and sends a message."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from attention.needs import Severity


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


class Kind(Protocol):
    """A kind of channel."""

    name: str
    label: str
    icon: str
    explanation: str
    fields: tuple[Field, ...]

    def checked(self, values: Mapping[str, str]) -> dict[str, str]:
        """The values of all fields as they are stored. Raises: alerts.errors.InputInvalid."""

    def address(self, values: Mapping[str, str]) -> str:
        """Where it sends to, in a few words and without secrets: `ops@site.example`, `hooks.site.example`."""

    def send(self, values: Mapping[str, str], message: Outgoing) -> None:
        """Send within 15 s. Raises: alerts.errors.NotSent."""


KINDS: dict[str, Kind] = {}


def kind_register(kind: Kind) -> None:
    """Raises: ValueError for a name in use."""
    if kind.name in KINDS:
        raise ValueError(f"Channels of kind {kind.name!r} are registered already.")
    KINDS[kind.name] = kind
