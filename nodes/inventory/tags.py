"""Tags and notes: what people write about a node. They change no certificate."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence

MOST_TAGS, LONGEST_TAG, LONGEST_NOTES = 20, 32, 2000
BETWEEN, WHITESPACE = "-_.:/", "\n\t"  # in a tag; in notes


def stored(tag: str) -> str:
    """A tag as it is stored and found: `Prod` and `prod` are one tag."""
    return unicodedata.normalize("NFC", tag).lower()


def tags_stored(tags: Iterable[str]) -> list[str]:
    """Each tag once, in the order in which they were given."""
    return [*dict.fromkeys(map(stored, tags))]


def notes_stored(notes: str) -> str:
    """Notes with the line breaks of the console, which differ between operating systems."""
    return notes.replace("\r\n", "\n").replace("\r", "\n")


def tags_problems(tags: Sequence[str]) -> Iterator[str]:
    """Why stored tags are refused. Marks that only change the direction of text are no letters, so they are refused too."""
    if len(tags) > MOST_TAGS:
        yield f"A node can have at most {MOST_TAGS} tags."
    for tag in tags:
        if not tag or len(tag) > LONGEST_TAG:
            yield f"A tag must have 1 to {LONGEST_TAG} characters."
        elif not tag[0].isalnum() or not all(character.isalnum() or character in BETWEEN for character in tag):
            yield f"“{tag}” is not a tag. Use letters, digits and {' '.join(BETWEEN)}, with a letter or digit first."


def notes_problems(notes: str) -> Iterator[str]:
    """Why notes are refused."""
    if len(notes) > LONGEST_NOTES:
        yield f"Notes can have at most {LONGEST_NOTES} characters. These have {len(notes)}."
    for character in notes:
        if not character.isprintable() and character not in WHITESPACE:
            yield f"Notes can have printable characters and line breaks only. Remove the character U+{ord(character):04X}."
            return
