"""Messages of syslog (RFC 5424) for TLS (RFC 5425): one for each event, with the line that its digest covers, and one for each checkpoint."""

import json
import re
import socket
from datetime import UTC, datetime

from audit.models import Outcome
from pki.evidence.events import EventContent, event_line

LOG_AUDIT = 13  # the facility
WARNING, NOTICE = 4, 5
APP_NAME = "trust-zone-console"
LARGEST_SEQUENCE_ID = 2**31 - 1  # RFC 5424, section 7.3.1
LONGEST_MSGID, LONGEST_HOSTNAME = 32, 255
NOT_PRINTABLE = re.compile(r"[^!-~]")


def _message(severity: int, at: datetime, msgid: str, structured: str, text: str) -> bytes:
    """`text` is ASCII, so it needs no byte order mark (RFC 5424, section 6.4)."""
    host = NOT_PRINTABLE.sub("", socket.gethostname())[:LONGEST_HOSTNAME] or "-"
    stamp = at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    kind = NOT_PRINTABLE.sub("", msgid)[:LONGEST_MSGID] or "-"
    return f"<{LOG_AUDIT * 8 + severity}>1 {stamp} {host} {APP_NAME} - {kind} {structured} {text}".encode("ascii")


def event_message(event: EventContent) -> bytes:
    """The event as in an export. `sequenceId` is its sequence number, by which a receiver recognizes what it gets twice."""
    number = (event.sequence - 1) % LARGEST_SEQUENCE_ID + 1
    severity = NOTICE if event.outcome == Outcome.DONE else WARNING
    return _message(severity, event.at, event.action, f'[meta sequenceId="{number}"]', event_line(event))


def checkpoint_message(at: datetime, line: str) -> bytes:
    """A checkpoint as in the file of checkpoints. Its payload has its number."""
    return _message(NOTICE, at, "checkpoint", "-", line)


def sample_message(by: str, at: datetime) -> bytes:
    """The message of a test."""
    return _message(NOTICE, at, "test", "-", json.dumps({"test": True, "by": by}))


def framed(message: bytes) -> bytes:
    """The message with its length before it (RFC 5425, section 4.3)."""
    return b"%d %b" % (len(message), message)
