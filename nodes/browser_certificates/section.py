"""The section of the node page on the browser certificate."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from audit.actors import Actor
from nodes.browser_certificates.view_models import BrowserStatus, browser_status
from nodes.inventory.sections import Place, Section, sections_register
from nodes.models import Node
from nodes.states import NodeState


@dataclass(frozen=True)
class BrowserCard:
    """`served_by` is empty unless the chosen certificate is in use."""

    status: BrowserStatus
    served_by: str


def _served_by(node: Node, status: BrowserStatus) -> str:
    if status.state != "in_use":
        return ""
    none = "this console" if node.is_central else "none of the services that its agent checks"
    return ", ".join(status.serves) or none


@sections_register
def sections(node: Node, actor: Actor, now: datetime) -> Iterator[Section]:
    if node.state != NodeState.DECOMMISSIONED and actor.has_perm("nodes.view_browsercertificate"):
        status = browser_status(node)
        yield Section(Place.CARDS, 10, "nodes/browser_certificates/card.html", BrowserCard(status, _served_by(node, status)))
