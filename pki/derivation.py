"""How much work opening a file would be, read out of the file itself before anything is derived (RFC 7292, RFC 8018, RFC 7914).

The counts stand in the clear. OpenSSL believes them, and would work for hours.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

MOST = 2_000_000
DEEPEST = 40
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


def _counts(element: Element, depth: int) -> Iterator[int]:
    """Wherever a salt is followed by an INTEGER, that is a count; scrypt has three of them, whose product is the work."""
    for number, part in enumerate(element.parts):
        if part.tag & 0xDF == OCTET_STRING and part.tag & 0xC0 == 0:
            numbers = []
            for following in element.parts[number + 1 :]:
                if following.tag != INTEGER:
                    break
                numbers.append(max(1, int.from_bytes(following.content, signed=True)))
            if numbers:
                yield math.prod(numbers) if len(numbers) >= 3 else numbers[0]
    if element.tag & 0xDF == OCTET_STRING and depth < DEEPEST and _octets(element)[:1] == bytes([SEQUENCE]):
        try:
            yield from _counts(parsed(_octets(element), depth + 1), depth + 1)
        except ValueError:
            return  # a salt or a ciphertext that happens to begin so
        return
    for part in element.parts:
        yield from _counts(part, depth + 1)


def work(ber: bytes) -> int:
    """All derivation counts of a PKCS #12 file or an encrypted private key together. Raises: ValueError for what is no BER."""
    return sum(_counts(parsed(ber), 0))
