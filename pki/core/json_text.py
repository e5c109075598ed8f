"""Reads JSON from another machine strictly (RFC 8259). Every error is a ValueError."""

import json
from typing import Any, NoReturn


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON (RFC 8259, section 6).")


def json_read(text: bytes | str) -> Any:
    """The value of `text`. Raises: ValueError, also for deep nesting, NaN, Infinity and bytes that are not UTF-8."""
    try:
        return json.loads(text.decode() if isinstance(text, bytes) else text, parse_constant=_constant)
    except RecursionError as exc:
        raise ValueError("This JSON is nested too deeply.") from exc
