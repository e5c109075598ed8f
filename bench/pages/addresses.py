"""All addresses of the console that answer GET, discovered from its urlconf, with an object for each parameter, and further views of each list."""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

from django.urls import URLPattern, URLResolver, get_resolver

PARAMETER = re.compile(r"<uuid:\w+>")
# What is searched for: a part of many names, and nothing that exists.
SEARCHES = ("0042", "nothing-has-this-name")
# Addresses that are no page of the signed-in console, and why.
LEFT_OUT = {
    "qrs/": "programs call it, with a key in a header",
    "qrs/<path:address>": "programs call it, with a key in a header",
    "accounts/logout/": "it is shown only without scripts",
    "accounts/login/": "a signed-in person is sent to the overview",
    "accounts/signup/": "it is closed",
    "accounts/passkey/": "it answers scripts alone, and does not depend on the data",
    "accounts/second-factor/": "it is shown between password and sign-in",
    "accounts/reauthenticate/code/": "only an account with a second factor has it",
    "accounts/reauthenticate/passkey/": "only an account with a second factor has it",
    "account/second-factors/<int:pk>/": "only an account with a second factor has it",
    "account/second-factors/<int:pk>/remove/": "only an account with a second factor has it",
    "accounts/provider/": "it takes forms only",
    "accounts/provider/again/": "it is for people who sign in with the provider",
    "accounts/provider/callback/": "a provider sends people there",
    "account/provider/": "it asks for a fresh sign-in",
    "people/<uuid:pk>/provider/": "it asks for a fresh sign-in",
    "audit/segments/<uuid:pk>/remove/": "it asks for a fresh sign-in",
    "settings/provider/test/": "it shows the result of a test",
    "bulk/new/": "it takes forms only",
    "bulk/<uuid:pk>/cancel/": "it takes forms only",
    "bulk/<uuid:pk>/secrets/": "it asks for a fresh sign-in",
    "account/sessions/<int:pk>/end/": "it takes forms only",
    "account/theme/": "it takes forms only",
    "account/lists/<slug:name>/columns/": "it does not depend on the data",
    "account/lists/<slug:name>/views/new/": "it does not depend on the data",
    "account/views/<uuid:pk>/": "it does not depend on the data",
    "healthz": "it does not depend on the data",
    "readyz": "it does not depend on the data",
    "metrics": "it takes a token of its own",
    "expiry.ics": "it takes a token of its own",
    "people/link/<str:secret>/": "it does not depend on the data",
    "help/<slug:name>/": "it does not depend on the data",
    "help/api-operations/<slug:name>/": "it does not depend on the data",
    "help/files/<path:name>": "it does not depend on the data",
    "too-large/": "it is an error",
    "api/v1/audit/export/": "it is a file of the whole log",
    "api/v1/schema/": "it does not depend on the data",
}


class SampleMissing(Exception):
    """An address has a parameter for which no kind of object is known."""


@dataclass(frozen=True)
class Address:
    """One address. `label` is its route with the words for its object and view."""

    label: str
    path: str


@dataclass(frozen=True)
class Sample:
    """An object whose pages are measured."""

    words: str
    ids: tuple[uuid.UUID, ...]


Samples = dict[str, list[Sample]]  # by the beginning of the route


def routes() -> list[str]:
    """The routes of the console, without a slash at the beginning."""
    return [*_routes(get_resolver("qmc.urls").url_patterns, "")]


def _routes(patterns: list[Any], before: str) -> Iterator[str]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route


def addresses(samples: Samples) -> list[Address]:
    """An address for each route, and for each sample of it. Raises: SampleMissing, which names the routes."""
    found, unknown = [], []
    for route in routes():
        if route in LEFT_OUT:
            continue
        if not PARAMETER.search(route):
            if "<" in route:
                unknown.append(route)
            found.append(Address(f"/{route}", f"/{route}"))
            continue
        kind = max((beginning for beginning in samples if route.startswith(beginning)), key=len, default=None)
        if kind is None:
            unknown.append(route)
            continue
        for sample in samples[kind]:
            ids = iter(sample.ids)
            path = PARAMETER.sub(lambda _, ids=ids: str(next(ids)), route)
            found.append(Address(f"/{PARAMETER.sub('…', route)}  {sample.words}", f"/{path}"))
    if unknown:
        raise SampleMissing(f"No sample is known for {', '.join(sorted(unknown))}. Name one in bench/pages/samples.py.")
    return found


@dataclass
class _Views(HTMLParser):
    """Reads the links and the filters of a list from its page."""

    links: dict[str, str] = field(default_factory=dict)  # query → words
    filters: dict[str, str] = field(default_factory=dict)
    is_searched: bool = False
    _selects: str = ""
    _in_filter: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        match tag:
            case "a" if given.get("href", "").startswith("?") and "download=" not in given["href"]:
                self.links.setdefault(given["href"], {"next": "second page"}.get(given.get("rel", ""), ""))
            case "form":
                self._in_filter = given.get("method", "get").lower() == "get"
            case "select" if self._in_filter:
                self._selects = given.get("name", "")
            case "option" if self._selects and given.get("value"):
                self.filters.setdefault(self._selects, given["value"])
            case "input" if self._in_filter and given.get("type") == "search":
                self.is_searched = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._selects = ""
        if tag == "form":
            self._in_filter = False


def further_views(address: Address, body: str) -> list[Address]:
    """The same list sorted, filtered and searched, and its other pages, as its page offers them."""
    views = _Views()
    views.feed(body)
    queries = {query: words for query, words in views.links.items() if query != "?"}
    queries |= {f"?{urlencode({name: value})}": "" for name, value in views.filters.items()}
    if views.is_searched:
        queries |= {f"?{urlencode({'search': text})}": "" for text in SEARCHES}
    return [Address(f"{address.label}  {words or _shown(query)}", address.path + query) for query, words in queries.items()]


def further_answers(address: Address, answer: Any) -> list[Address]:
    """The second page and a search of an API list."""
    if not (isinstance(answer, dict) and "results" in answer):
        return []
    found = [Address(f"{address.label}  {_shown(f'?search={text}')}", f"{address.path}?search={text}") for text in SEARCHES]
    if following := answer.get("next"):
        found.append(Address(f"{address.label}  second page", address.path + "?" + following.partition("?")[2]))
    return found


def _shown(query: str) -> str:
    return re.sub(r"(cursor=)[^&]+", r"\1…", query)
