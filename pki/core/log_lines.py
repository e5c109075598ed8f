"""A line of the log as JSON, for programs that collect logs."""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime


class JsonLines(logging.Formatter):
    """One JSON object on one line: `time` in RFC 3339, `level`, `logger`, `message`, `process`, and `exception` if there is one.

    Only these and `ids` are written. Further attributes of a record can be whole requests, with their cookies.
    """

    def ids(self, record: logging.LogRecord) -> Mapping[str, str]:
        """The ids of the work that `record` is about. Empty ones are left out."""
        return {}

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        line = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "level": record.levelname.lower(), "logger": record.name,
            "message": record.getMessage(), "process": record.process,
        }  # fmt: skip
        line |= {name: value for name, value in self.ids(record).items() if value}
        if record.exc_info and record.exc_info[0]:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)
