"""The section of the node page on a renewal that failed or is in progress."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from audit.actors import Actor
from nodes.inventory.sections import Place, Section, sections_register
from nodes.models import Node, Renewal
from nodes.states import RenewalStatus

PROGRESS = {
    RenewalStatus.REQUESTED: "New keys and certificates are being created.",
    RenewalStatus.OFFERED: "The new certificates are ready. The node fetches them at its next call.",
}
PROVING = "The node has installed the new certificates. A TLS handshake verifies them."


@dataclass(frozen=True)
class RenewalCard:
    text: str
    failed: bool


@sections_register
def sections(node: Node, actor: Actor, now: datetime) -> Iterator[Section]:
    renewal = Renewal.objects.filter(node=node).first()
    if renewal is None or renewal.status == RenewalStatus.PROVED:
        return
    failed = renewal.status == RenewalStatus.FAILED
    if failed and renewal.generation != node.generation:
        return
    progress = PROGRESS.get(RenewalStatus(renewal.status)) or f"{PROVING} {renewal.reason}".strip()
    card = RenewalCard(renewal.reason if failed else progress, failed)
    yield Section(Place.NOTES, 40, "nodes/renewal/note.html", card, under_way=not failed)
