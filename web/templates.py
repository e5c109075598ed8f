"""The loader of the templates."""

import re

from django.template import Origin
from django_cotton import cotton_loader  # type: ignore[import-untyped]

INDENTATION = re.compile(r"^[ \t]+", re.MULTILINE)


class Loader(cotton_loader.Loader):  # type: ignore[misc]
    """Compiles components. Leaves out the indentation of pages, which would be a third of the bytes of a list, and the end of the last line.

    So a word that a component draws can be followed by a comma.
    """

    def get_contents(self, origin: Origin) -> str:
        contents = str(super().get_contents(origin))
        return INDENTATION.sub("", contents).rstrip("\n") if origin.name.endswith(".html") else contents
