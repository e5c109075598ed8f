"""The sections of the node page on the start of its agent, and on the package and its password."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from audit.actors import Actor
from certs.models import Certificate
from nodes.inventory.sections import Place, Section, sections_register
from nodes.inventory.view_models import PASSWORD_LASTS, setup_url
from nodes.models import Node, Registration
from nodes.registration.agent_start import USUAL_PORTS, agent_start
from nodes.states import NodeState
from pki.core.roles import Kind


@dataclass(frozen=True)
class RegistrationCard:
    """The registration whose password is not entered yet. `root` is compared with the setup page; None before the node has certificates."""

    registration: Registration
    paused: bool
    setup_url: str
    root: Certificate | None


def _root(node: Node) -> Certificate | None:
    issued = Certificate.objects.issued()
    return issued.filter(kind=Kind.ROOT).first() if issued.filter(holder_id=node.pk).exists() else None


@sections_register
def sections(node: Node, actor: Actor, now: datetime) -> Iterator[Section]:
    if node.state == NodeState.CREATED:
        ports = {name: getattr(node, name) for name in USUAL_PORTS}
        yield Section(Place.TOP, 50, "nodes/registration/start_agent.html", agent_start(node.dialled, ports))
    if NodeState(node.state) not in PASSWORD_LASTS:
        return
    registration = Registration.objects.filter(node=node, generation=node.generation).first()
    if registration is not None:
        paused = registration.paused_until is not None and registration.paused_until > now
        card = RegistrationCard(registration, paused, setup_url(node), _root(node))
        yield Section(Place.FACTS, 10, "nodes/registration/facts.html", card)
