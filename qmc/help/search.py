"""The documents of the help as things that can be found: by their titles and headings."""

from collections.abc import Iterator

from audit.actors import Actor
from qmc.help.full_text import headed
from web.search import MOST_OF_KIND, Found, search_register


@search_register("Help", icon="help", permission="")
def documents(text: str, actor: Actor) -> Iterator[Found]:
    for section in headed(text)[:MOST_OF_KIND]:
        yield Found(section.heading or section.title, section.title if section.heading else "document", section.url)
