"""The format of the central key file, and refused files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki.core.errors import KeyFileMalformed
from pki.core.sealing import SealingKey
from pki.exchange.central_key import parse, written

KEY = SealingKey(bytes(range(32)))
LINE = b"6fa9d1cb272104c5 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"


def test_the_form_is_pinned() -> None:
    assert written([KEY]) == LINE
    assert parse(LINE) == {"6fa9d1cb272104c5": KEY}


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=20, unique=True))
def test_a_written_key_file_is_read_in_the_same_order(keys: list[bytes]) -> None:
    assert [key.key for key in parse(written(map(SealingKey, keys))).values()] == keys


WRONG = {
    "empty": b"",
    "an empty line": written([KEY]) + b"\n" + written([SealingKey(b"x" * 32)]),
    "filled with NUL": bytes(62),
    "cut": written([KEY])[:-5],
    "another key's id": b"0" * 16 + written([KEY])[16:],
    "31 bytes": written([SealingKey(b"x" * 31)]),
    "twice the same": written([KEY, KEY]),
    "unused bits of base64": written([KEY]).replace(b"8=", b"9="),
    "two spaces": written([KEY]).replace(b" ", b"  "),
    "a secret key": b"dGhpcyBpcyB0aGUgc2VjcmV0IGtleSBvZiBhIHNpdGU\n",
    "21 lines": written(SealingKey(bytes([number]) * 32) for number in range(21)),
}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_another_file_is_refused(content: bytes) -> None:
    with pytest.raises(KeyFileMalformed):
        parse(content)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_as_a_key_file(content: bytes) -> None:
    with pytest.raises(KeyFileMalformed):
        parse(content)
