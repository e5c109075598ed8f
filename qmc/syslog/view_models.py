"""A syslog receiver: its status, and what waits for it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit.chain import last_place
from audit.models import SyslogReceiver
from outbound.connections import place_of
from pki.core import clocks
from web.words import counted

PLAIN = (
    "name", "host", "port", "ca", "enabled", "sequence", "checkpoint", "delivered_at", "failing_since", "last_error", "next_attempt_at", "created_at",
    "changed_at",
)  # fmt: skip


@dataclass(frozen=True)
class ReceiverStatus:
    """Whether a receiver works. The time `at` follows `words`, if there is one. `waiting` counts events."""

    color: str
    words: str
    at: datetime | None
    waiting: int

    @property
    def waiting_words(self) -> str:
        return f"{counted(self.waiting, 'event')} waiting" if self.waiting else "nothing waits"


def receiver_status(receiver: SyslogReceiver, *, head: int, now: datetime) -> ReceiverStatus:
    waiting = max(head - receiver.sequence, 0)
    if not receiver.enabled:
        return ReceiverStatus("grey", "off", None, waiting)
    if receiver.failing_since:
        return ReceiverStatus("red", f"failing for {clocks.length(now - receiver.failing_since)}", None, waiting)
    if receiver.delivered_at:
        return ReceiverStatus("green", "delivered", receiver.delivered_at, waiting)
    return ReceiverStatus("grey", "nothing delivered yet", None, waiting)


@dataclass(frozen=True)
class ReceiverLine:
    """A receiver in a list."""

    receiver: SyslogReceiver
    status: ReceiverStatus

    @property
    def place(self) -> str:
        return place_of(self.receiver.host, self.receiver.port)


def receiver_lines(receivers: Iterable[SyslogReceiver], *, now: datetime) -> list[ReceiverLine]:
    head = last_place().sequence
    return [ReceiverLine(receiver, receiver_status(receiver, head=head, now=now)) for receiver in receivers]


def receiver_json(line: ReceiverLine) -> dict[str, Any]:
    plain = {name: getattr(line.receiver, name) for name in PLAIN}
    return {"id": str(line.receiver.pk), **plain, "waiting": line.status.waiting}


@dataclass(frozen=True)
class ReceiverPage:
    """A receiver to change. `tested` is the answer to a test: None if there was none, "" if the message was taken."""

    line: ReceiverLine
    saved: bool = False
    tested: str | None = None

    @property
    def receiver(self) -> SyslogReceiver:
        return self.line.receiver
