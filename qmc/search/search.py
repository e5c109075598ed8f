"""Pages and actions as things that can be found: by their labels, and by the words that an administrator would type."""

from collections.abc import Iterator

from django.urls import NoReverseMatch, reverse

from audit.actors import Actor
from qmc.search.places import PLACES, Place
from web.page import may_open
from web.search import Found, search_register


@search_register("Pages and actions", icon="chevron-right", permission="")
def pages(text: str, actor: Actor) -> Iterator[Found]:
    """Each word of the text begins a word of the page. Pages whose label has it come first."""
    words = text.lower().split()
    found = [place for place in PLACES if _is_page(place) and _has(f"{place.label} {place.words}", words) and may_open(actor, place.name)]
    for place in sorted(found, key=lambda place: not _has(place.label, words)):
        yield Found(place.label, "page", reverse(place.name))


def _has(text: str, words: list[str]) -> bool:
    known = text.lower().replace("-", " ").split()
    return all(any(one.startswith(part) for one in known) for word in words for part in word.replace("-", " ").split())


def _is_page(place: Place) -> bool:
    """Whether its address names no object."""
    try:
        return bool(reverse(place.name))
    except NoReverseMatch:
        return False
