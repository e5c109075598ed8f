"""Messages of syslog (RFC 5424), framed for TLS (RFC 5425)."""

import re
import socket
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from audit.syslog.messages import checkpoint_message, event_message, framed, sample_message
from pki.evidence.events import RecordedEvent
from tests.syslog_receivers import unframed

AT = datetime(2026, 11, 30, 12, 0, 0, 5, tzinfo=UTC)
# The parts of RFC 5424, section 6.
MESSAGE = re.compile(
    rb"<(?P<pri>\d{1,3})>1 (?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) (?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) (?P<proc>-) (?P<id>[!-~]{1,32}) "
    rb"(?P<sd>-|\[meta sequenceId=\"\d{1,10}\"\]) (?P<text>[ -~]*)"
)


def event(**fields: Any) -> RecordedEvent:
    plain: dict[str, Any] = {
        "sequence": 7, "id": uuid.UUID(int=1), "at": AT, "actor": "Zoë", "action": "node.created", "target_type": "nodes.node", "target_id": uuid.UUID(int=2),
        "target_label": "rim\n1", "detail": {"name": 'a "quote" ]'}, "previous": "00", "digest": "ff",
    }  # fmt: skip
    return RecordedEvent(**plain | fields)


def parts(message: bytes) -> dict[str, bytes]:
    found = MESSAGE.fullmatch(message)
    assert found, message
    return found.groupdict()


def test_a_message_has_the_line_that_its_digest_covers() -> None:
    found = parts(event_message(event()))
    assert RecordedEvent.from_line(found["text"].decode()) == event()
    assert (found["pri"], found["at"], found["app"], found["id"]) == (
        b"109",
        b"2026-11-30T12:00:00.000005Z",
        b"trust-zone-console",
        b"node.created",
    )
    assert found["sd"] == b'[meta sequenceId="7"]'


FIELDS = [
    ({"outcome": "refused"}, "pri", b"108"),
    ({"outcome": "failed"}, "pri", b"108"),
    ({"action": "x" * 80}, "id", b"x" * 32),
    ({"action": "ä b"}, "id", b"b"),
    ({"action": "ä"}, "id", b"-"),
    ({"sequence": 2**31 - 1}, "sd", b'[meta sequenceId="2147483647"]'),
    ({"sequence": 2**31}, "sd", b'[meta sequenceId="1"]'),
    ({"at": AT.astimezone(timezone(timedelta(hours=2)))}, "at", b"2026-11-30T12:00:00.000005Z"),
    ({"at": AT.replace(microsecond=0)}, "at", b"2026-11-30T12:00:00.000000Z"),
]


@pytest.mark.parametrize(("fields", "part", "value"), FIELDS)
def test_fields_keep_their_form(fields: dict[str, Any], part: str, value: bytes) -> None:
    assert parts(event_message(event(**fields)))[part] == value


@pytest.mark.parametrize(("name", "host"), [("central.example", b"central.example"), ("", b"-"), ("ä ö", b"-"), ("x" * 300, b"x" * 255)])
def test_the_host_is_this_machine(name: str, host: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    assert parts(event_message(event()))["host"] == host


def test_a_checkpoint_is_its_line_and_a_test_says_who_asked() -> None:
    assert parts(checkpoint_message(AT, "a.b.c"))["text"] == b"a.b.c"
    assert parts(sample_message("Zoë", AT))["text"] == b'{"test": true, "by": "Zo\\u00eb"}'


def test_frames_are_read_back() -> None:
    messages = [event_message(event()), b"short", b"1 2 3 "]
    content = b"".join(map(framed, messages))
    assert list(unframed(content)) == messages
    assert list(unframed(content[:-1])) == messages[:-1]
