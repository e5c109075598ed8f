"""The content of the pages of the help."""

from dataclasses import dataclass

from qmc.help.documents import INDEX, Document, DocumentMissing, document, names, source
from qmc.help.search import Found, search
from web.words import counted


@dataclass(frozen=True)
class Title:
    """A document in the list of all of them."""

    name: str
    text: str
    is_here: bool


@dataclass(frozen=True)
class HelpPage:
    """All documents, or the sections that match a search."""

    searched: str
    found: list[Found]
    documents: Document

    @property
    def count(self) -> str:
        return f"{counted(len(self.found), 'place')} in the documents" if self.found else "No document has these words."


@dataclass(frozen=True)
class DocumentPage:
    """One document, with the list of all of them."""

    document: Document
    titles: list[Title]


def help_page(searched: str) -> HelpPage:
    return HelpPage(searched, search(searched) if searched else [], document(INDEX))


def document_page(name: str) -> DocumentPage:
    """Raises: DocumentMissing."""
    if name == INDEX:
        raise DocumentMissing("The list of all documents has a page of its own.")
    shown = document(name)
    titles = [Title(each, source(each).title, each == name) for each in names()]
    return DocumentPage(shown, sorted(titles, key=lambda title: title.text.lower()))
