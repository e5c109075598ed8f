"""The sections of the node page on its last call, unexplained calls and served certificates."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from audit.actors import Actor
from nodes.inventory.sections import Place, Section, sections_register
from nodes.models import Node, Observation
from nodes.observation.caller_wording import CallerWords, caller_words, findings_said
from nodes.observation.served_certificates import HookRun, Served, hook_run, served_certificates
from nodes.states import NodeState


@dataclass(frozen=True)
class CallersCard:
    callers: list[CallerWords]


@dataclass(frozen=True)
class LastCallCard:
    """`calls_from` is empty if the node calls from its recorded address, or if several machines may call as this node."""

    observation: Observation
    online: bool
    calls_from: str


@dataclass(frozen=True)
class ServedCard:
    certificates: list[Served]
    hook: HookRun | None


@sections_register
def sections(node: Node, actor: Actor, now: datetime) -> Iterator[Section]:
    callers = [caller_words(finding, now) for finding in findings_said(now, node)]
    if callers:
        yield Section(Place.NOTES, 20, "nodes/observation/callers.html", CallersCard(callers))
    if node.observed is None or node.state == NodeState.DECOMMISSIONED:
        return
    card = LastCallCard(node.observed, node.online(now), "" if callers else node.calls_from)
    yield Section(Place.FACTS, 20, "nodes/observation/last_call.html", card)
    served, hook = served_certificates(node), hook_run(node)
    if served or hook:
        yield Section(Place.CARDS, 20, "nodes/observation/served.html", ServedCard(served, hook))
