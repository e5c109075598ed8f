"""The documents as pages: complete, linked, and within the Content-Security-Policy."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.urls import resolve

from qmc.help.documents import GLOSSARY, INDEX, Document, DocumentMissing, document, files, names, source
from qmc.help.full_text import search, sections
from tests.test_documents import FENCE, ROOT, anchors
from web.glossary import terms

TABLE_ROW = re.compile(r"^\|(?! *-)", re.MULTILINE)
each_document = pytest.mark.parametrize("name", [INDEX, *names()])


class Read(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(name: str) -> Read:
    return Read(document(name).html)


def path_of(name: str) -> Path:
    return ROOT / "docs" / f"{name}.md"


@each_document
def test_every_listing_and_every_row_of_a_table_is_shown(name: str) -> None:
    written, shown = path_of(name).read_text(), read(name)
    count = [tag for tag, _ in shown.elements]
    assert count.count("pre") == len(FENCE.findall(written))
    assert count.count("tr") == len(TABLE_ROW.findall(FENCE.sub("", written)))
    assert [mark for mark in ("```", "](", "**") if mark in FENCE.sub("", shown.text)] == []


@each_document
def test_headings_have_the_anchors_that_links_use(name: str) -> None:
    shown = read(name)
    ids = [values["id"] for tag, values in shown.elements if re.fullmatch("h[2-6]", tag)]
    assert {*ids} == {anchor for anchor in anchors(path_of(name)) if anchor != anchor_of_title(name)}
    assert len({values["id"] for _, values in shown.elements if "id" in values}) == sum("id" in values for _, values in shown.elements)


def anchor_of_title(name: str) -> str:
    return source(name).title.lower().replace(" ", "-")


@each_document
def test_no_document_has_a_style_a_script_or_an_address_elsewhere(name: str) -> None:
    for tag, values in read(name).elements:
        assert tag not in ("script", "style", "iframe", "form"), tag
        assert not [attribute for attribute in values if attribute == "style" or attribute.startswith("on")], (tag, values)
        if tag == "img":
            assert (values["src"] or "").startswith("/help/files/"), values


def leads_somewhere(link: str) -> bool:
    """Whether a link inside the help leads to a document, to one of its anchors, or to a file."""
    path, _, anchor = link.partition("#")
    match = resolve(path)
    if match.view_name == "help:file":
        return match.kwargs["name"] in files()
    name = match.kwargs.get("name", INDEX)
    try:
        shown = document(name)
    except DocumentMissing:
        return False
    return not anchor or f'id="{anchor}"' in shown.html


@each_document
def test_every_link_inside_the_help_leads_somewhere(name: str) -> None:
    links = [values["href"] or "" for tag, values in read(name).elements if tag == "a"]
    links = [f"/help/{name}/{link}" if link.startswith("#") else link for link in links if "://" not in link]
    assert [link for link in links if not leads_somewhere(link)] == []


def test_raw_html_in_a_document_is_shown_as_text(tmp_path: Path, settings: object) -> None:
    (tmp_path / "nasty.md").write_text("# Nasty\n\n**Why?** <script>alert(1)</script>\n\n<div onclick='x()'>a</div>\n")
    settings.DOCUMENTS = tmp_path  # type: ignore[attr-defined]
    try:
        shown = Read(document("nasty").html)
    finally:
        source.cache_clear()
        files.cache_clear()
    assert [tag for tag, _ in shown.elements] == ["p", "p"]
    assert "<script>alert(1)</script>" in shown.text


@pytest.mark.parametrize("name", names())
def test_every_document_answers_a_question(name: str) -> None:
    shown: Document = document(name)
    assert shown.question.endswith("?")
    assert shown.title


@pytest.mark.parametrize(
    ("searched", "found"),
    [
        ("lost central node", "/help/disasters/#the-central-node-is-lost"),
        ("superseded", "/help/glossary/"),
        ("reverse proxy", "/help/install/#open-the-console-under-another-name-or-behind-a-reverse-proxy"),
        ("QMC_KEY_TYPES", "/help/install/#settings"),
        ("recovery codes", "/help/daily-work/#second-factors"),
        ("restore a backup", "/help/backup-and-restore/#restore-a-site-or-move-it-to-another-machine"),
    ],
)
def test_a_search_finds_the_section_among_the_first_three(searched: str, found: str) -> None:
    assert found in [each.section.url for each in search(searched)[:3]]


def test_an_excerpt_marks_what_was_searched_for() -> None:
    (first, *_) = search("superseded")
    assert [part.text.lower() for part in first.excerpt if part.matches]
    assert "".join(part.text for part in first.excerpt).strip("… ") in first.section.text


@pytest.mark.parametrize("searched", ["", "\u202e", "(((", "x" * 5000, "qwertyuiop"])
def test_a_search_for_anything_else_finds_nothing(searched: str) -> None:
    assert search(searched) == []


def test_every_section_that_can_be_found_exists() -> None:
    assert [section.url for section in sections() if not leads_somewhere(section.url)] == []


def test_the_glossary_has_a_meaning_and_a_place_for_each_word() -> None:
    shown = document(GLOSSARY).html
    assert {"superseded", "revocation list", "crl", "qlikservicecluster", "pem", "der", "pfx"} <= terms().keys()
    assert [word for word, term in terms().items() if f'id="{term.anchor}"' not in shown] == []
    assert [word for word, term in terms().items() if not re.fullmatch(r"[A-Z0-9`].{10,}\.", term.meaning) or "](" in term.meaning] == []
