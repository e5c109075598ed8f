"""The number of rounds of key derivation that a file requires, read before any key is derived (RFC 7292, RFC 8018, RFC 7914).

The counts are not encrypted. OpenSSL uses them as they are, and could work for hours.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import takewhile

from pki.core.ber import DEEPEST, INTEGER, OCTET_STRING, SEQUENCE, Element, first, parsed

MOST = 6_000_000  # Debian's certtool asks for 600 000 for the MAC, the key and each certificate
SCRYPT = 3  # each of its steps takes 128 bytes of memory as well: 256 MB at most
LONGEST_INTEGER = 1025  # bytes: RSA-8192 and its sign


def _is_octets(element: Element) -> bool:
    return element.tag & 0xDF == OCTET_STRING


def _lists(element: Element, depth: int) -> Iterator[Sequence[Element]]:
    """The parts of each element, those within OCTET STRINGs too."""
    if not _is_octets(element):
        yield element.parts
        for part in element.parts:
            yield from _lists(part, depth + 1)
        return
    octets = element.octets
    if depth >= DEEPEST or octets[:1] != bytes([SEQUENCE]):
        return
    try:
        inside = parsed(octets, depth + 1)
    except ValueError:
        return  # a salt or a ciphertext that begins like a SEQUENCE
    yield from _lists(inside, depth + 1)


def _count(element: Element) -> int:
    """The count, at most one more than `MOST`, so that sums stay small."""
    if len(element.content) > 8:
        return MOST + 1
    return min(max(1, int.from_bytes(element.content, signed=True)), MOST + 1)


def _counts(parts: Sequence[Element]) -> Iterator[int]:
    """Wherever a salt is followed by an INTEGER, that is a count; scrypt has three of them, whose product is the work."""
    for number, part in enumerate(parts):
        if _is_octets(part):
            following = takewhile(lambda element: element.tag == INTEGER, parts[number + 1 : number + 4])
            numbers = [_count(element) for element in following]
            if numbers:
                yield SCRYPT * math.prod(numbers) if len(numbers) == 3 else numbers[0]


def work(ber: bytes) -> int:
    """All derivation counts of a PKCS #12 file or an encrypted private key together. Raises: ValueError if it is not BER."""
    return sum(count for parts in _lists(first(ber), 0) for count in _counts(parts))


def has_long_integer(ber: bytes) -> bool:
    """Whether it has a number that is longer than in an RSA-8192 key. Raises: ValueError if it is not BER."""
    return any(part.tag == INTEGER and len(part.content) > LONGEST_INTEGER for parts in _lists(first(ber), 0) for part in parts)
