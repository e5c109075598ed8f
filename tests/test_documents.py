"""Every link, command and listing of the documents holds, and every page names its purpose and its document."""

import argparse
import os
import re
import string
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import click
import pytest
from django.core.management import get_commands, load_command_class

from agent import __main__ as agent
from cli.__main__ import qmcctl
from web.glossary import terms

ROOT = Path(__file__).parent.parent
FENCE = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMAND = re.compile(r"(manage\.py|(?<!-A )\bqmc|python -m agent|\bqmc-agent) ([a-z][a-z_-]*)([^`#|\n]*)")
QMCCTL = re.compile(r"\bqmcctl ((?:[a-z-]+ )*[a-z-]+)([^`#|\n]*)")
LONGEST_LISTING = 10
TEMPLATES = ROOT / "templates"
# These say what went wrong, and have no purpose of their own.
ERRORS = {"503.html"}
HEAD = re.compile(r"<c-head\b((?:[^<>\"]|\"[^\"]*\")*?)(/?)>(.*?</c-head>)?", re.DOTALL)


def in_tree(*suffixes: str) -> Iterator[Path]:
    """Files of the project, without what was installed or generated."""
    for folder, names, files in os.walk(ROOT):
        names[:] = [name for name in names if not name.startswith(".") and name not in ("node_modules", "var")]
        yield from (Path(folder) / file for file in files if file.endswith(suffixes))


DOCUMENTS = sorted(in_tree(".md"))
each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def links(path: Path) -> list[tuple[Path, str]]:
    """The file and the anchor of each link inside the project."""
    found = LINK.findall(FENCE.sub("", path.read_text()))
    inside = [link.partition("#") for link in found if "://" not in link and not link.startswith("mailto:")]
    return [((path.parent / unquote(file)).resolve() if file else path, anchor) for file, _, anchor in inside]


@cache
def anchors(path: Path) -> set[str]:
    """What GitHub makes of the headings: lower case, without punctuation, hyphens for spaces, a number where one is repeated."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ (.+?) *$", FENCE.sub("", path.read_text()), re.MULTILINE):
        text = re.sub(r"\[(.+?)\]\(.+?\)", r"\1", heading).lower()
        name = "".join(character for character in text if character in "-_ " or character not in string.punctuation).replace(" ", "-")
        number = found[name] = found.get(name, -1) + 1
        if number:
            found[f"{name}-{number}"] = 0
    return set(found)


def options(parser: argparse.ArgumentParser) -> set[str]:
    return {option for action in parser._actions for option in action.option_strings} | {"--data-dir"}


@cache
def options_of(program: str, command: str) -> set[str] | None:
    """None for a command that does not exist."""
    if program in ("manage.py", "qmc"):
        app = get_commands().get(command)
        return options(load_command_class(app, command).create_parser("manage.py", command)) if app else None
    (commands,) = (action for action in agent._parser()._actions if isinstance(action, argparse._SubParsersAction))
    return options(commands.choices[command]) if command in commands.choices else None


@each_document
def test_every_link_leads_somewhere(path: Path) -> None:
    broken = [
        f"{file.relative_to(ROOT)}#{anchor}"
        for file, anchor in links(path)
        if not file.exists() or (anchor and anchor not in anchors(file))
    ]
    assert broken == []


@each_document
def test_every_command_exists_with_its_options(path: Path) -> None:
    wrong = []
    for program, command, rest in COMMAND.findall(path.read_text()):
        known = options_of(program, command)
        if known is None or set(re.findall(r"(?<!\S)--[a-z][a-z-]*", re.sub('"[^"]*"', "", rest))) - known:
            wrong.append(f"{program} {command}{rest}")
    assert wrong == []


@each_document
def test_every_command_of_qmcctl_exists_with_its_options(path: Path) -> None:
    wrong = []
    for words, rest in QMCCTL.findall("\n".join(re.findall(r"^```$.*?^```$|`[^`\n]+`", path.read_text(), re.DOTALL | re.MULTILINE))):
        command: click.Command | None = qmcctl
        for word in words.split():
            if isinstance(command, click.Group):
                command = command.commands.get(word)
        known = {option for parameter in command.params for option in parameter.opts} | {"--help", "--version"} if command else set()
        if set(re.findall(r"(?<!\S)--[a-z][a-z-]*", re.sub('"[^"]*"', "", rest))) - known or command is None:
            wrong.append(f"qmcctl {words}{rest}")
    assert wrong == []


def test_every_document_is_reached_from_the_readme() -> None:
    seen, waiting = set(), [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path.suffix == ".md" and path not in seen:
            seen.add(path)
            waiting += [file for file, _ in links(path)]
    assert {*DOCUMENTS} - seen == set()


def test_the_readme_has_short_listings_only() -> None:
    listings = FENCE.findall((ROOT / "README.md").read_text())
    assert listings
    assert [listing for listing in listings if listing.count("\n") - 1 > LONGEST_LISTING] == []


def test_every_document_that_code_names_exists() -> None:
    named = {name for path in in_tree(".py", ".html", ".sh", ".mjs") for name in re.findall(r"\bdocs/[\w/-]+\.md\b", path.read_text())}
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def heads() -> list[tuple[str, str, str]]:
    """Each head of a page: its template, its attributes, and its slots."""
    found = []
    for path in sorted(TEMPLATES.rglob("*.html")):
        for attributes, _, slots in HEAD.findall(path.read_text()):
            found.append((path.relative_to(TEMPLATES).as_posix(), attributes, slots))
    return [head for head in found if head[0] not in ERRORS and not head[0].startswith("cotton/")]


def test_every_page_says_in_a_sentence_what_it_is_for() -> None:
    silent = [
        template
        for template, attributes, slots in heads()
        if not re.search(r'\babout="(\{\{ |[A-Z][^"]{15,}\.")', attributes) and '<c-slot name="about">' not in slots
    ]
    assert heads()
    assert silent == [], 'give <c-head> an about="…", a sentence that says what the page is for'


def test_every_page_has_a_head() -> None:
    """A page that extends another one has its head."""
    pages = {
        path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html") if '{% extends "base.html" %}' in path.read_text()
    }
    assert pages - {template for template, _, _ in heads()} - ERRORS == set()


def test_every_link_from_a_page_to_the_help_leads_somewhere() -> None:
    places = {(template, place) for template, attributes, _ in heads() for place in re.findall(r'\bhelp="([^"]+)"', attributes)}
    assert len(places) > 80
    broken = []
    for template, place in sorted(places):
        name, _, anchor = place.partition("#")
        path = ROOT / "docs" / f"{name}.md"
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(f"{template}: {place}")
    assert broken == []


def test_every_word_that_a_page_explains_is_in_the_glossary() -> None:
    named = {name for path in TEMPLATES.rglob("*.html") for name in re.findall(r'<c-term name="([^"{]+)"', path.read_text())}
    named |= {name for path in ROOT.glob("*/*/lists.py") for name in re.findall(r'\bterm="([^"]+)"', path.read_text())}
    assert {"holder", "proof"} <= named
    assert sorted(name for name in named if name.lower() not in terms()) == []
