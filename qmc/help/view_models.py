"""The content of the pages of the help."""

import shlex
from dataclasses import dataclass
from functools import cache

from qmc.help.documents import INDEX, Document, DocumentMissing, document, names, source
from qmc.help.full_text import Found, search
from qmc.schema.described import Described, described
from qmc.schema.document import api_schema
from web.words import counted

BEFORE, METHODS = "/api/v1", ("get", "post", "put", "patch", "delete")
OF_EVERY_LIST = {"cursor", "page", "page_size", "ordering", "sort"}


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


@dataclass(frozen=True)
class Operation:
    """An address of the API, and what it does with each method. `filters` are parameters of its address beside those of every list. `does` has the method, the summary and the name of each."""

    path: str
    methods: tuple[str, ...]
    does: tuple[tuple[str, str, str], ...]
    description: str
    filters: tuple[str, ...]


@dataclass(frozen=True)
class OperationGroup:
    title: str
    name: str
    operations: list[Operation]


@dataclass(frozen=True)
class OperationsPage:
    """The API of the site that is at `site`."""

    site: str
    groups: list[OperationGroup]

    @property
    def count(self) -> str:
        return counted(sum(len(group.operations) for group in self.groups), "address", "addresses")


@cache
def _operations() -> list[OperationGroup]:
    """From the schema, so that they are those of this version."""
    groups: dict[str, list[Operation]] = {}
    for path, methods in api_schema()["paths"].items():
        kept = {name: operation for name, operation in methods.items() if name in METHODS}
        first = next(iter(kept.values()))
        filters = dict.fromkeys(
            each["name"] for operation in kept.values() for each in operation.get("parameters", []) if each["in"] == "query"
        )
        operation = Operation(
            path.removeprefix(BEFORE),
            tuple(map(str.upper, kept)),
            tuple((name.upper(), operation["summary"], operation["operationId"]) for name, operation in kept.items()),
            first.get("description", ""),
            tuple(name for name in filters if name not in OF_EVERY_LIST),
        )
        groups.setdefault(path.removeprefix(BEFORE).split("/")[1], []).append(operation)
    return [OperationGroup(name.replace("-", " ").capitalize(), name, found) for name, found in groups.items()]


def operations_page(site: str) -> OperationsPage:
    return OperationsPage(site, _operations())


@dataclass(frozen=True)
class OperationPage:
    """One operation of the API of the site that is at `site`."""

    site: str
    operation: Described

    @property
    def request(self) -> str:
        """As a command."""
        lines = [f'curl --cacert roots.pem -X {self.operation.method} -H "Authorization: Bearer $QMC_TOKEN"']
        if self.operation.example:
            lines += ['-H "Content-Type: application/json"', f"-d {shlex.quote(self.operation.example)}"]
        return " \\\n  ".join([*lines, f'"{self.site}{self.operation.path}"'])


def operation_page(site: str, name: str) -> OperationPage:
    """Raises: DocumentMissing."""
    found = described(name)
    if found is None:
        raise DocumentMissing(f"The API has no operation {name}.")
    return OperationPage(site, found)


def help_page(searched: str) -> HelpPage:
    return HelpPage(searched, search(searched) if searched else [], document(INDEX))


def document_page(name: str) -> DocumentPage:
    """Raises: DocumentMissing."""
    if name == INDEX:
        raise DocumentMissing("The list of all documents has a page of its own.")
    shown = document(name)
    titles = [Title(each, source(each).title, each == name) for each in names()]
    return DocumentPage(shown, sorted(titles, key=lambda title: title.text.lower()))
