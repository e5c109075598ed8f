"""View models of the pages that register many nodes."""

from collections.abc import Sequence
from dataclasses import dataclass

from bulk.models import BulkWork
from nodes.bulk_registration.services import Kind, kinds
from nodes.bulk_registration.table import COLUMNS, Table
from nodes.inventory.services import SERVICES
from web.words import counted

WORDS = {
    "name": "What you call the machine. Required.",
    "host_name": "The full name that other machines use. It is in the certificate and cannot be changed later. Required.",
    "address": "The IP address. Needed only if the host name does not resolve on the central node.",
    "distribution_port": "4444 if it is empty.",
    "node_port": "4242 if it is empty.",
    "subject_alternative_names": "Further names and IP addresses of the certificate, with spaces between them.",
    "services": f"{', '.join(SERVICES)}, with spaces between them.",
    "tags": "Short words to find the node by, with spaces between them.",
    "notes": "A text for people.",
}


@dataclass(frozen=True)
class TablePage:
    """The form with a table, and what is wrong in it."""

    kinds: Sequence[Kind] = ()
    wrong: int = 0
    lines: int = 0

    @property
    def summary(self) -> str:
        return f"{counted(self.wrong, 'error')} in {counted(self.lines, 'line')}. Nothing was made."

    @property
    def columns(self) -> list[tuple[str, str]]:
        return [(name, WORDS[name]) for name in COLUMNS]


def table_page(table: Table | None = None) -> TablePage:
    wrong = table.wrong if table else []
    return TablePage(kinds(wrong), len(wrong), len({one.line for one in wrong}))


@dataclass(frozen=True)
class CheckedPage:
    """The decision after the checks: register the nodes that are ready, or none."""

    checks: BulkWork
    ready: int
    first: Sequence[str]
    error: str = ""

    @property
    def others(self) -> int:
        return self.checks.total - self.ready

    @property
    def more(self) -> int:
        return self.ready - len(self.first)

    @property
    def title(self) -> str:
        return f"Register {counted(self.ready, 'node')}?" if self.ready else "No node is ready"
