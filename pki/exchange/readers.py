"""Readers for the values of reports and answers. A reader returns the value, or raises ValueError, which says what it must be."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from pki.core import clocks
from pki.core.json_text import json_read
from pki.exchange.package_header import LARGEST_GENERATION

Read = Callable[[Any], Any]
MOST_NUDGING = 8  # client certificates of the central node: its current one, and in a renewal the next ones


def integer(low: int, high: int) -> Read:
    def read(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:  # a bool is an int too
            raise ValueError(f"must be an integer from {low} to {high}")
        return value

    return read


def text(pattern: str, meaning: str) -> Read:
    allowed = re.compile(pattern)

    def read(value: Any) -> str:
        if not isinstance(value, str) or not allowed.fullmatch(value):
            raise ValueError(f"must be {meaning}")
        return value

    return read


def one_of(*values: str) -> Read:
    return text("|".join(map(re.escape, values)), f"one of {', '.join(value or 'an empty text' for value in values)}")


def nullable(inner: Read) -> Read:
    return lambda value: None if value is None else inner(value)


def list_of(inner: Read, most: int) -> Read:
    def read(value: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) > most:
            raise ValueError(f"must be a list of at most {most}")
        return [inner(item) for item in value]

    return read


def map_of(key: Read, inner: Read, most: int) -> Read:
    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or len(value) > most:
            raise ValueError(f"must be an object with at most {most} members")
        return {key(name): inner(member) for name, member in value.items()}

    return read


def object_with(**members: Read) -> Read:
    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or not members.keys() <= value.keys():
            raise ValueError(f"must be an object with {', '.join(members)}")
        return {name: inner(value[name]) for name, inner in members.items()}

    return read


def boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError("must be true or false")
    return value


def moment(value: Any) -> datetime:
    try:
        return clocks.parsed(value)
    except ValueError as exc:
        raise ValueError("must be a time with its UTC offset, in the years 1970 to 9999") from exc


def stamp(value: Any) -> str:
    return moment(value).isoformat()


def opened(value: Any) -> bytes:
    return bytes.fromhex(text("(?:[0-9a-f]{2}){1,64}", "at most 64 bytes in lower-case hexadecimal")(value))


sha256 = text("[0-9a-f]{64}", "a SHA-256 fingerprint: 64 lower-case hexadecimal digits")
key_id = text("[0-9a-f]{16}", "a key id: 16 lower-case hexadecimal digits")
place = text(r"[A-Za-z0-9.:\[\]-]{0,270}", "ADDRESS:PORT, or empty")
generation = integer(0, LARGEST_GENERATION)
nudging = list_of(sha256, MOST_NUDGING)
turn = text("[0-9a-f]{0,80}", "at most 80 lower-case hexadecimal digits")


class Malformed(Exception):
    """A report or answer has the wrong format. `field` is the wrong member, "" for the whole."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


def members(body: bytes, what: str, largest: int, *, required: dict[str, Read], optional: dict[str, Read]) -> dict[str, Any]:
    """The checked members of a JSON object. Optional members that are absent or null are left out, unknown ones ignored. Raises: Malformed."""
    if len(body) > largest:
        raise Malformed("", f"The {what} has more than {largest} bytes.")
    try:
        content = json_read(body)
    except ValueError as exc:
        raise Malformed("", f"The {what} is not JSON.") from exc
    if not isinstance(content, dict):
        raise Malformed("", f"The {what} is not a JSON object.")
    found = {}
    for name, read in (required | optional).items():
        if name in optional and content.get(name) is None:
            continue
        if name not in content:
            raise Malformed(name, f"{name} is missing.")
        try:
            found[name] = read(content[name])
        except ValueError as exc:
            raise Malformed(name, f"{name}: {exc}.") from exc
    return found
