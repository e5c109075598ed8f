"""The words that pages explain. docs/glossary.md is their only source, and is read once."""

import re
from dataclasses import dataclass
from functools import cache

from django.conf import settings

_ROW = re.compile(r"^\| (?P<names>[^|]+?) \| (?P<meaning>.+?) \|$", re.MULTILINE)
_MARKS = re.compile(r"\[([^\]]*)\]\([^)\s]*\)|[`*]")


@dataclass(frozen=True)
class Term:
    """A word of the glossary. `anchor` is its place in the document."""

    word: str
    meaning: str
    anchor: str


@cache
def terms() -> dict[str, Term]:
    """Each name of each word, in lower case. A row can have several names: `PEM, DER, PFX`, or `Revocation list (CRL)`."""
    found = {}
    for row in _ROW.finditer((settings.DOCUMENTS / "glossary.md").read_text(encoding="utf-8")):
        names, meaning = row["names"], _MARKS.sub(r"\1", row["meaning"])
        for name in re.split(r", | \(|\)", names):
            if name:
                found[name.lower()] = Term(name, f"{meaning[0].upper()}{meaning[1:].rstrip('.')}.", anchor_of(names))
    del found["word"]  # the heading of the table
    return found


def anchor_of(heading: str) -> str:
    """The anchor that GitHub gives a heading: lower case, without punctuation, hyphens for spaces."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
