"""The parser of API bodies."""

from typing import Any

from rest_framework import exceptions
from rest_framework.parsers import JSONParser

from pki.core.json_text import json_read


class StrictJSONParser(JSONParser):
    """JSON in UTF-8, regardless of the charset in Content-Type (RFC 8259, section 8.1)."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            return json_read(stream.read())
        except ValueError as exc:
            raise exceptions.ParseError(f"The body is not JSON: {exc}") from exc
