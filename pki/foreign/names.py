"""Distinguished names of certificates: their comparison, and their text for a person (RFC 5280 section 7.1, RFC 4514)."""

from dataclasses import dataclass

from pki.core.ber import Element

ENCODINGS = {
    0x0C: "utf-8", 0x12: "ascii", 0x13: "latin-1", 0x14: "latin-1", 0x16: "latin-1", 0x1A: "latin-1", 0x1C: "utf-32-be", 0x1E: "utf-16-be",
}  # fmt: skip
COMMON_NAME = "2.5.4.3"
ATTRIBUTES = {
    COMMON_NAME: "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "STREET", "2.5.4.10": "O", "2.5.4.11": "OU",
    "0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
}  # fmt: skip


@dataclass(frozen=True)
class Name:
    """A distinguished name. `canonical` is equal for names that OpenSSL treats as the same; `text` and `common` are printable."""

    canonical: tuple[object, ...]
    text: str
    common: str


def printable(text: str) -> str:
    """`text` with U+FFFD for each character that cannot be printed: PostgreSQL stores no NUL, and pages must not show line breaks in names."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _text(value: Element) -> str | None:
    encoding = ENCODINGS.get(value.tag & 0xDF)
    return value.octets.decode(encoding, "replace") if encoding else None


def _canonical(value: Element) -> object:
    """The value for comparisons: without case, spaces and the type of string. Other values are compared as they are."""
    text = _text(value)
    return value.raw if text is None else " ".join(text.encode(errors="replace").lower().decode().split())


def name_of(element: Element) -> Name:
    """A distinguished name (SEQUENCE of SET of type and value). Raises: ValueError, IndexError."""
    parts = [[(part.parts[0].oid, part.parts[1]) for part in relative.parts] for relative in element.parts]
    canonical = tuple(tuple(sorted(((oid, _canonical(value)) for oid, value in relative), key=repr)) for relative in parts)
    shown = ["+".join(f"{ATTRIBUTES.get(oid, oid)}={_escaped(value)}" for oid, value in relative) for relative in reversed(parts)]
    common = [_text(value) for relative in parts for oid, value in relative if oid == COMMON_NAME]
    return Name(canonical, printable(",".join(shown)), printable(next((common_name for common_name in common if common_name), "")))


def _escaped(value: Element) -> str:
    text = _text(value)
    if text is None:
        return "#" + value.raw.hex()
    return "".join("\\" + character if character in ',+"\\<>;' else character for character in text)
