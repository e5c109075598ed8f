"""The documents of the help as things that can be found: by the words of their sections."""

from collections.abc import Iterator

from audit.actors import Actor
from qmc.help.full_text import search
from web.search import MOST_OF_KIND, Found, search_register


@search_register("Help", icon="help", permission="")
def documents(text: str, actor: Actor) -> Iterator[Found]:
    for found in search(text)[:MOST_OF_KIND]:
        words = "".join(part.text for part in found.excerpt)
        yield Found(found.section.heading or found.section.title, f"{found.section.title}: {words[:120]}", found.section.url)
