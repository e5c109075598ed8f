"""The loader of the templates."""

import re

from django.template import Origin
from django_cotton import cotton_loader  # type: ignore[import-untyped]

INDENTATION = re.compile(r"^[ \t]+", re.MULTILINE)
WRITES_NOTHING = re.compile(
    r"^(?:\{% (?:if|elif|else|endif|for|empty|endfor|with|endwith|load|block|endblock)\b[^\n]*?%\}|\{#[^\n]*#\})?\n", re.MULTILINE
)


class Loader(cotton_loader.Loader):  # type: ignore[misc]
    """Compiles components. Leaves out indentation, empty lines, the ends of lines that have one tag and write nothing, and the end of the last line.

    Without this a list would have twice as many bytes, and each such line would be one more part to render. A word that a component draws can be followed by a comma.
    """

    def get_contents(self, origin: Origin) -> str:
        contents = str(super().get_contents(origin))
        if not origin.name.endswith(".html"):
            return contents
        return WRITES_NOTHING.sub(lambda line: line[0].rstrip("\n"), INDENTATION.sub("", contents)).rstrip("\n")
