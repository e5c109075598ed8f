"""The sections of the node page on its notes, and on names with more than one holder."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from audit.actors import Actor
from certs.names.services import Dispute, disputes
from nodes.inventory.sections import Place, Section, sections_register
from nodes.models import Node


@dataclass(frozen=True)
class DisputesCard:
    disputes: list[Dispute]


@dataclass(frozen=True)
class NotesCard:
    notes: str


@sections_register
def sections(node: Node, actor: Actor, now: datetime) -> Iterator[Section]:
    if found := disputes(holder_id=node.pk):
        yield Section(Place.NOTES, 10, "nodes/inventory/disputes.html", DisputesCard(found))
    if node.notes:
        yield Section(Place.CARDS, 1, "nodes/inventory/notes.html", NotesCard(node.notes))
