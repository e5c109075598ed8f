"""The section of the node page on the versions of the database key that it can use."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from audit.actors import Actor
from certs.models import DatabaseKey
from nodes.inventory.sections import Place, Section, sections_register
from nodes.models import Node
from nodes.rotations.lists import proofs
from nodes.states import NodeState


@dataclass(frozen=True)
class KeyVersionsCard:
    """For each version: when the node last proved that it has it; None if not yet."""

    proofs: list[tuple[datetime | None, DatabaseKey]]


@sections_register
def sections(node: Node, actor: Actor, now: datetime) -> Iterator[Section]:
    if node.observed is not None and node.state != NodeState.DECOMMISSIONED:
        card = KeyVersionsCard(proofs(node, list(DatabaseKey.objects.live())))
        yield Section(Place.FACTS, 30, "nodes/rotations/database_key/node_facts.html", card)
