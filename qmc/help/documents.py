"""The documents in `docs/` as pages: HTML, the headings, and the files that they link to.

The library `markdown` makes the HTML. Raw HTML in a document is shown as text, and no style attribute is made, so a page of the help has what
the Content-Security-Policy allows. What is read is kept, because documents do not change while a process runs.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from markdown import Markdown
from markdown.extensions.fenced_code import FencedCodeExtension
from markdown.extensions.sane_lists import SaneListExtension
from markdown.extensions.tables import TableExtension
from markdown.extensions.toc import TocExtension

from web.glossary import anchor_of

INDEX, GLOSSARY = "README", "glossary"
FENCE = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
_NESTED_FENCE = re.compile(r"^ +```\w*\n(.*?)^ +```$", re.DOTALL | re.MULTILINE)
_SHORT_INDENT = re.compile(r"^ {2,3}(?=\S)", re.MULTILINE)
_END_OF_ITEM = re.compile(r"(\n\n(?: +\S.*\n)+)(?=(?:\d+\.|-) )")
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_QUESTION = re.compile(r"\*\*(.+?\?)\*\* *")
_LISTING = re.compile(r"<pre><code[^>]*>(.*?)</code></pre>", re.DOTALL)


class DocumentMissing(LookupError):
    """There is no document or file with this name."""


@dataclass(frozen=True)
class Heading:
    """A heading of the second level in a document."""

    anchor: str
    text: str


@dataclass(frozen=True)
class Document:
    """One document. `question` is what it answers; `html` is the rest without the title."""

    name: str
    title: str
    question: str
    html: SafeString
    headings: tuple[Heading, ...]


@dataclass(frozen=True)
class Source:
    """A document as it is written: its title, the question that it answers, and the rest."""

    name: str
    title: str
    question: str
    text: str


def names() -> tuple[str, ...]:
    """The names of the documents, without the list of all of them."""
    return tuple(sorted(path.stem for path in settings.DOCUMENTS.glob("*.md") if path.stem != INDEX))


@cache
def source(name: str) -> Source:
    """Raises: DocumentMissing."""
    if name not in (*names(), INDEX):
        raise DocumentMissing(f"There is no document {name}.")
    title, _, text = (settings.DOCUMENTS / f"{name}.md").read_text(encoding="utf-8").partition("\n")
    question = _QUESTION.search(text) if name != INDEX else None
    return Source(name, title.lstrip("# "), question[1] if question else "", text.replace(question[0], "", 1) if question else text)


@cache
def document(name: str) -> Document:
    """Raises: DocumentMissing."""
    written = source(name)
    converter = Markdown(
        extensions=[
            FencedCodeExtension(),
            SaneListExtension(),
            TableExtension(use_align_attribute=True),
            TocExtension(slugify=lambda text, _: anchor_of(text), toc_depth="2-2"),
        ],
        output_format="xhtml",
    )
    converter.preprocessors.deregister("html_block")
    converter.inlinePatterns.deregister("html")
    html = _with_labels(converter.convert(_readable(written.text)), with_terms=name == GLOSSARY)
    headings = tuple(Heading(token["id"], token["name"]) for token in converter.toc_tokens)
    return Document(name, written.title, written.question, mark_safe(_with_copying(html)), headings)  # noqa: S308  (our own documents)


@cache
def files() -> dict[str, Path]:
    """The files that documents link to or show, by their address below `docs/`."""
    found = {}
    for name in (*names(), INDEX):
        for _, _, link in _LINK.findall(FENCE.sub("", source(name).text)):
            path = (settings.DOCUMENTS / link).resolve()
            if "://" not in link and path.suffix != ".md" and path.is_relative_to(settings.DOCUMENTS) and path.is_file():
                found[link] = path
    return found


def _readable(text: str) -> str:
    """What the library reads otherwise than GitHub: listings and paragraphs inside an item of a list. And the addresses of this console."""
    text = _NESTED_FENCE.sub(lambda found: "\n" + re.sub(r"^ *(?=\S)", " " * 8, found[1], flags=re.MULTILINE), text)
    parts = re.split(f"({FENCE.pattern})", text, flags=re.DOTALL | re.MULTILINE)
    parts[::2] = [_LINK.sub(_linked, _END_OF_ITEM.sub(r"\1\n", _SHORT_INDENT.sub("    ", part))) for part in parts[::2]]
    return "".join(parts)


def _linked(found: re.Match[str]) -> str:
    """The same link inside this console. A link to what only the source tree has becomes text."""
    picture, text, link = found.groups()
    if "://" in link or link.startswith("#"):
        return found[0]
    file, sharp, anchor = link.partition("#")
    if file.removesuffix(".md") in (*names(), INDEX):
        return f"[{text}]({address(file.removesuffix('.md'))}{sharp}{anchor})"
    return f"{picture}[{text}]({reverse('help:file', args=[file])})" if file in files() else text


def address(name: str) -> str:
    """Where the console shows the document."""
    return reverse("help:index") if name == INDEX else reverse("help:document", args=[name])


def _with_labels(html: str, *, with_terms: bool) -> str:
    """Tables that are lists of labels and values on a phone. With terms, each row has the anchor of its first cell."""
    root = ElementTree.fromstring(f"<div>{html}</div>")  # noqa: S314  (our own documents)
    for table in root.iter("table"):
        table.set("class", "table rows")
        labels = ["".join(cell.itertext()) for cell in table.iter("th")]
        for row in table.iterfind("tbody/tr"):
            cells = [*row]
            for cell, label in zip(cells, labels, strict=True):
                _wrap(cell)
                cell.set("data-label", label)
            if with_terms:
                cells[0].set("id", anchor_of("".join(cells[0].itertext())))
    for heading in root.iter("th"):
        heading.set("scope", "col")
    return "".join(ElementTree.tostring(part, encoding="unicode", method="html") for part in root)


def _wrap(cell: ElementTree.Element) -> None:
    """Put the content of a cell into one element: on a phone, each element of a cell is a line."""
    content = ElementTree.Element("div")
    content.text, content[:] = cell.text, cell[:]
    cell.text, cell[:] = None, [content]


def _with_copying(html: str) -> str:
    """Listings with a button that copies them."""
    count = iter(range(1, html.count("<pre>") + 1))
    return _LISTING.sub(
        lambda found: render_to_string("qmc/help/listing.html", {"name": f"listing-{next(count)}", "text": mark_safe(found[1])}),  # noqa: S308
        html,
    )
