"""View models of the search, and of the breadcrumbs."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from django.apps import apps
from django.core.exceptions import ObjectDoesNotExist
from django.urls import Resolver404, ResolverMatch, resolve, reverse

from audit.actors import Actor
from qmc.search.places import BY_NAME, Place
from web.page import may_open
from web.search import SHORTEST, Found, Group

# Lists with a search of their own, which finds a text anywhere in their names.
LISTS = {"nodes:list": "Nodes", "certs:list": "Certificates", "exports:list": "Exports", "audit:list": "Events"}


@dataclass(frozen=True)
class SearchPage:
    """What was found for `text`. `lists` lead to lists with the same text."""

    text: str
    groups: list[Group]
    lists: list[Found]

    @property
    def is_short(self) -> bool:
        return len(self.text) < SHORTEST

    @property
    def shortest(self) -> int:
        return SHORTEST

    @property
    def total(self) -> int:
        return sum(len(group.results) for group in self.groups)


@dataclass(frozen=True)
class Crumb:
    """A page above this one."""

    label: str
    url: str


def crumbs(path: str, *, actor: Actor) -> list[Crumb]:
    """The pages above the page at `path`, from the list down. One query for each that is about an object."""
    parts = path.strip("/").split("/")
    above = ("/" + "/".join(parts[:number]) + "/" for number in range(1, len(parts)))
    return [Crumb(label, url) for url in above for label in _label(url, actor)]


def _label(url: str, actor: Actor) -> Iterator[str]:
    """The label of the page at this address; nothing if there is none that the reader may open."""
    try:
        match = resolve(url)
    except Resolver404:
        return
    place = BY_NAME.get(match.view_name)
    if place and may_open(actor, place.name):
        yield _object(place, match) or place.label


def _object(place: Place, match: ResolverMatch) -> str:
    if not place.model:
        return ""
    try:
        return str(apps.get_model(place.model)._default_manager.get(pk=match.kwargs["pk"]))
    except ObjectDoesNotExist:
        return ""


def lists_with(text: str, *, actor: Actor) -> list[Found]:
    """The lists that search for the text themselves."""
    return (
        []
        if len(text) < SHORTEST
        else [
            Found(f"{label} with “{text}”", "the list", f"{reverse(name)}?{urlencode({'search': text})}")
            for name, label in LISTS.items()
            if may_open(actor, name)
        ]
    )
