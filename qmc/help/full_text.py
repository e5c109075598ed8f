"""Search in the documents: over their sections, without the database."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import log

from qmc.help.documents import FENCE, address, names, source
from web.glossary import anchor_of

MOST, LONGEST_WORD, MOST_WORDS = 12, 40, 8
COMMON = 0.05  # the weight of a word that every section has
_BEFORE, _AFTER = 80, 200
_WORD = re.compile(r"[\w.-]*\w")
_HEADING = re.compile(r"^#{2,4} (.+)$", re.MULTILINE)
_LINKS = re.compile(r"!?\[([^\]]*)\]\([^)\s]*\)")
_MARKS = re.compile(r"^[-: |]+$|[`*]|^\| | \|$", re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """A part of a document, from one heading to the next. `heading` is "" for its beginning."""

    document: str
    title: str
    heading: str
    text: str

    @property
    def url(self) -> str:
        return address(self.document) + (f"#{anchor_of(self.heading)}" if self.heading else "")


@dataclass(frozen=True)
class Part:
    """A part of an excerpt. `matches` is whether it was searched for."""

    text: str
    matches: bool


@dataclass(frozen=True)
class Found:
    """A section that matches, with the part of it that does."""

    section: Section
    excerpt: tuple[Part, ...]


@cache
def sections() -> tuple[Section, ...]:
    """Every section of every document."""
    return tuple(section for name in names() for section in _sections(name))


def _sections(name: str) -> Iterator[Section]:
    written = source(name)
    fences = iter(FENCE.findall(written.text))  # a line of a listing can look like a heading
    beginning, *rest = _HEADING.split(FENCE.sub("\0", written.text))
    for heading, text in [("", f"{written.question} {beginning}"), *zip(rest[::2], rest[1::2], strict=True)]:
        with_listings = re.sub("\0", lambda _: next(fences).replace("```", ""), text)
        yield Section(name, written.title, _plain(heading), _plain(with_listings))


def _plain(text: str) -> str:
    """Without marks, and with the cells of a table as parts of a sentence."""
    return " ".join(_MARKS.sub("", _LINKS.sub(r"\1", text)).replace(" | ", " – ").split())


def search(text: str) -> list[Found]:
    """The sections that match best, the best first. A word matches the words that begin with it, and a rare word counts more than a common one."""
    patterns = _patterns(text)
    scores: dict[Section, list[float]] = {}
    for pattern in patterns:
        matching = {section: score for section in sections() if (score := _score(section, pattern))}
        for section, score in matching.items():
            scores.setdefault(section, []).append(score * (COMMON + log(len(sections()) / len(matching))))
    best = sorted(scores, key=lambda section: -sum(scores[section]) * len(scores[section]))[:MOST]
    return [Found(section, _excerpt(section.text, patterns)) for section in best]


def headed(text: str) -> list[Section]:
    """The sections whose title and heading have every word, in the order of the documents."""
    patterns = _patterns(text)
    return [each for each in sections() if patterns and all(pattern.search(f"{each.title} {each.heading}") for pattern in patterns)]


def _patterns(text: str) -> list[re.Pattern[str]]:
    words = [*dict.fromkeys(word[:LONGEST_WORD] for word in _WORD.findall(text.lower()))][:MOST_WORDS]
    return [re.compile(rf"(?<!\w){re.escape(word)}", re.IGNORECASE) for word in words]


def _score(section: Section, pattern: re.Pattern[str]) -> int:
    in_text = len(pattern.findall(section.text))
    return 6 * bool(pattern.search(section.heading)) + 4 * bool(pattern.search(section.title)) + min(in_text, 3)


def _excerpt(text: str, patterns: list[re.Pattern[str]]) -> tuple[Part, ...]:
    """The text around the first match."""
    first = min((found.start() for pattern in patterns if (found := pattern.search(text))), default=0)
    begin = text.rfind(" ", 0, max(first - _BEFORE, 0)) + 1
    end = text.find(" ", first + _AFTER)
    shown = ("… " if begin else "") + text[begin : None if end < 0 else end] + ("" if end < 0 else " …")
    either = "|".join(f"{pattern.pattern}[\\w-]*" for pattern in patterns)
    return tuple(Part(part, bool(number % 2)) for number, part in enumerate(re.split(f"({either})", shown, flags=re.IGNORECASE)) if part)
