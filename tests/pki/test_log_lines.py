"""A line of the log as JSON."""

import json
import logging
import sys
from typing import Any

from pki.core.log_lines import JsonLines


def line(message: str, *args: object, exc_info: Any = None, **more: object) -> str:
    record = logging.LogRecord("nodes.renewal", logging.WARNING, "services.py", 7, message, args, exc_info)
    record.created = 1764547200.25
    vars(record).update(more)
    return JsonLines().format(record)


def test_a_record_is_one_line_with_the_time_in_utc() -> None:
    text = line("node %s\nsays\x1b[31m %r", "rim1", "ü")
    assert "\n" not in text
    found = json.loads(text)
    assert found.pop("process") > 0
    expected = "node rim1\nsays\x1b[31m 'ü'"
    assert found == {"time": "2025-12-01T00:00:00.250Z", "level": "warning", "logger": "nodes.renewal", "message": expected}


def test_an_exception_is_a_field() -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        text = line("it failed", exc_info=sys.exc_info())
    assert "\n" not in text
    assert json.loads(text)["exception"].endswith("ValueError: first\nsecond")


def test_further_attributes_are_left_out() -> None:
    assert "a-secret" not in line("Not Found: /x", request={"cookie": "a-secret"}, password="a-secret")
