"""How much work opening a file would be, read out of the file itself before anything is derived (RFC 7292, RFC 8018, RFC 7914).

The counts stand in the clear. OpenSSL believes them, and would work for hours.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

MOST = 2_000_000
DEEPEST = 40
LONGEST_INTEGER = 1025  # bytes: RSA-8192 and its sign
INTEGER, OCTET_STRING, SEQUENCE = 0x02, 0x04, 0x30


@dataclass(frozen=True)
class Element:
    """One BER element: its tag, its content, and the elements in it where it is constructed."""

    tag: int
    content: bytes
    parts: tuple["Element", ...] = ()


def _length(ber: bytes, at: int) -> tuple[int | None, int]:
    """A length and where the content begins; None is the indefinite form, which Windows and Java write. Raises: ValueError."""
    first = ber[at]
    if first == 0x80:
        return None, at + 1
    if first < 0x80:
        return first, at + 1
    end = at + 1 + (first & 0x7F)
    return int.from_bytes(ber[at + 1 : end]), end


def _element(ber: bytes, at: int, depth: int) -> tuple[Element, int]:
    """The element at `at` and where the next one begins. Raises: ValueError, IndexError."""
    if depth > DEEPEST or ber[at] & 0x1F == 0x1F:
        raise ValueError("nested too deeply, or a tag that no key file has")
    tag, constructed = ber[at], bool(ber[at] & 0x20)
    length, begins = _length(ber, at + 1)
    if length is None:
        if not constructed:
            raise ValueError("an indefinite length without end")
        parts, ends = _elements(ber, begins, None, depth)
        return Element(tag, ber[begins : ends - 2], parts), ends
    ends = begins + length
    if ends > len(ber):
        raise ValueError("cut short")
    parts = _elements(ber, begins, ends, depth)[0] if constructed else ()
    return Element(tag, ber[begins:ends], parts), ends


def _elements(ber: bytes, at: int, ends: int | None, depth: int) -> tuple[tuple[Element, ...], int]:
    found: list[Element] = []
    while at != ends:
        if ends is None and ber[at : at + 2] == b"\0\0":
            return tuple(found), at + 2
        element, at = _element(ber, at, depth + 1)
        if ends is not None and at > ends:
            raise ValueError("longer than what holds it")
        found.append(element)
    return tuple(found), at


def _octets(element: Element) -> bytes:
    """What an OCTET STRING holds, also one in pieces."""
    return b"".join(_octets(part) for part in element.parts) if element.parts else element.content


def parsed(ber: bytes, depth: int = 0) -> Element:
    """`ber` as one element and nothing after it. Raises: ValueError."""
    try:
        element, ends = _element(ber, 0, depth)
    except IndexError as exc:
        raise ValueError("cut short") from exc
    if ends != len(ber):
        raise ValueError("something stands behind it")
    return element


def _is_octets(element: Element) -> bool:
    return element.tag & 0xDF == OCTET_STRING


def _lists(element: Element, depth: int) -> Iterator[Sequence[Element]]:
    """The parts of each element, those within OCTET STRINGs too."""
    if not _is_octets(element):
        yield element.parts
        for part in element.parts:
            yield from _lists(part, depth + 1)
        return
    octets = _octets(element)
    if depth >= DEEPEST or octets[:1] != bytes([SEQUENCE]):
        return
    try:
        inside = parsed(octets, depth + 1)
    except ValueError:
        return  # a salt or a ciphertext that happens to begin so
    yield from _lists(inside, depth + 1)


def _count(element: Element) -> int:
    """At most one more than `MOST`: what is longer is not computed with."""
    if len(element.content) > 8:
        return MOST + 1
    return min(max(1, int.from_bytes(element.content, signed=True)), MOST + 1)


def _counts(parts: Sequence[Element]) -> Iterator[int]:
    """Wherever a salt is followed by an INTEGER, that is a count; scrypt has three of them, whose product is the work."""
    for number, part in enumerate(parts):
        if _is_octets(part):
            following = takewhile(lambda each: each.tag == INTEGER, parts[number + 1 : number + 4])
            numbers = [_count(each) for each in following]
            if numbers:
                yield math.prod(numbers) if len(numbers) == 3 else numbers[0]


def work(ber: bytes) -> int:
    """All derivation counts of a PKCS #12 file or an encrypted private key together. Raises: ValueError for what is no BER."""
    return sum(count for parts in _lists(parsed(ber), 0) for count in _counts(parts))


def has_long_integer(ber: bytes) -> bool:
    """Whether a number stands in it that no key of a sensible length has. Raises: ValueError for what is no BER."""
    return any(each.tag == INTEGER and len(each.content) > LONGEST_INTEGER for parts in _lists(parsed(ber), 0) for each in parts)
