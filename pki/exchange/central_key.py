"""The central key file: one line for each live version, the newest first.

A line is the key id in 16 hexadecimal digits, one space, and the 32 bytes of the key in base64 (RFC 4648, section 4), 44 characters.
"""

import base64
from collections.abc import Iterable

from pki.core.errors import KeyFileMalformed
from pki.core.sealing import KEY_BYTES, SealingKey

MOST_LINES = 20


def parse(content: bytes) -> dict[str, SealingKey]:
    """The keys by key id in hexadecimal digits, in the order of the file. Raises: KeyFileMalformed."""
    lines = content.splitlines()
    if not 1 <= len(lines) <= MOST_LINES:
        raise KeyFileMalformed(f"it has {len(lines)} lines, and must have 1 to {MOST_LINES}")
    keys = dict(_parsed(number, line) for number, line in enumerate(lines, 1))
    if len(keys) != len(lines):
        raise KeyFileMalformed("it has the same key twice")
    return keys


def _parsed(number: int, line: bytes) -> tuple[str, SealingKey]:
    key_id, _, encoded = line.partition(b" ")
    try:
        key = SealingKey(base64.b64decode(encoded, validate=True))
    except ValueError:
        key = SealingKey(b"")
    if len(key.key) != KEY_BYTES or base64.b64encode(key.key) != encoded or key.key_id.hex().encode() != key_id:
        raise KeyFileMalformed(f"line {number} is not a key id, a space and the key that belongs to it")
    return key.key_id.hex(), key


def written(keys: Iterable[SealingKey]) -> bytes:
    """The file with these keys, the newest first."""
    return b"".join(key.key_id.hex().encode() + b" " + base64.b64encode(key.key) + b"\n" for key in keys)
