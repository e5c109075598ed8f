"""BER elements (X.690), read as leniently as OpenSSL reads them and within limits: key and certificate files are not always DER."""

from base64 import b64decode, b64encode
from dataclasses import dataclass

DEEPEST = 40
BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, OID = 0x01, 0x02, 0x03, 0x04, 0x06
SEQUENCE, SET = 0x30, 0x31


@dataclass(frozen=True)
class Element:
    """One element: its tag, its content, the elements in it where it is constructed, and all of its bytes."""

    tag: int
    content: bytes
    parts: tuple["Element", ...]
    raw: bytes

    @property
    def octets(self) -> bytes:
        """The content of a string, also of one in several parts."""
        return b"".join(part.octets for part in self.parts) if self.parts else self.content

    @property
    def number(self) -> int:
        return int.from_bytes(self.content, signed=True)

    @property
    def oid(self) -> str:
        """The dotted form of an object identifier. Raises: ValueError."""
        arcs, arc = [], 0
        for octet in self.content:
            arc = arc << 7 | octet & 0x7F
            if arc >> 128:
                raise ValueError("an object identifier with an arc that is too long")
            if octet < 0x80:
                arcs.append(arc)
                arc = 0
        if not arcs or self.content[-1] >= 0x80:
            raise ValueError("no object identifier")
        first = min(arcs[0] // 40, 2)
        return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def _length(ber: bytes, at: int) -> tuple[int | None, int]:
    """A length and where the content begins; None is the indefinite form, which Windows and Java write. Raises: IndexError."""
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
        raise ValueError("nested too deeply, or a tag that no key or certificate file has")
    tag, constructed = ber[at], bool(ber[at] & 0x20)
    length, begins = _length(ber, at + 1)
    if length is None:
        if not constructed:
            raise ValueError("an indefinite length of a primitive element")
        parts, ends = _elements(ber, begins, None, depth)
        return Element(tag, ber[begins : ends - 2], parts, ber[at:ends]), ends
    ends = begins + length
    if ends > len(ber):
        raise ValueError("cut short")
    parts = _elements(ber, begins, ends, depth)[0] if constructed else ()
    return Element(tag, ber[begins:ends], parts, ber[at:ends]), ends


def _elements(ber: bytes, at: int, ends: int | None, depth: int) -> tuple[tuple[Element, ...], int]:
    found: list[Element] = []
    while at != ends:
        if ends is None and ber[at : at + 2] == b"\0\0":
            return tuple(found), at + 2
        element, at = _element(ber, at, depth + 1)
        if ends is not None and at > ends:
            raise ValueError("longer than the element around it")
        found.append(element)
    return tuple(found), at


def first(ber: bytes, depth: int = 0) -> Element:
    """The element at the start of `ber`, whatever follows it. Raises: ValueError."""
    try:
        return _element(ber, 0, depth)[0]
    except IndexError as exc:
        raise ValueError("cut short") from exc


def parsed(ber: bytes, depth: int = 0) -> Element:
    """`ber` as one element and nothing after it. Raises: ValueError."""
    element = first(ber, depth)
    if len(element.raw) != len(ber):
        raise ValueError("more bytes follow")
    return element


def der(tag: int, *parts: bytes) -> bytes:
    """One element in DER."""
    content = b"".join(parts)
    size = len(content)
    length = bytes([size]) if size < 0x80 else (size.to_bytes((size.bit_length() + 7) // 8))
    return bytes([tag]) + (length if size < 0x80 else bytes([0x80 | len(length)]) + length) + content


def pem(label: str, content: bytes) -> bytes:
    """`content` as a PEM block (RFC 7468)."""
    encoded = b64encode(content)
    lines = [encoded[at : at + 64] + b"\n" for at in range(0, len(encoded), 64)]
    return b"".join([f"-----BEGIN {label}-----\n".encode(), *lines, f"-----END {label}-----\n".encode()])


def pem_content(text: bytes, label: str) -> bytes:
    """The content of the first PEM block of `text` with this label. Raises: ValueError."""
    edge = f"-----BEGIN {label}-----".encode()
    begins = text.index(edge) + len(edge)
    return b64decode(b"".join(text[begins : text.index(b"-----END ", begins)].split()), validate=True)
