"""What the page of a node shows: its progress, its certificates and its history."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit.actors import Actor
from audit.event_lines import LINES, Line, Page, history_page
from audit.models import Event
from certs.models import Certificate
from nodes.inventory.health import health_of
from nodes.inventory.sections import sections
from nodes.models import Node
from nodes.states import TRANSITIONS, UNDER_WAY, NodeState
from pki.core.roles import Kind
from web.progress import Step, steps_at

STEPS = (
    (NodeState.CREATED, "Created"), (NodeState.ISSUING, "Keys and certificates"), (NodeState.DISTRIBUTING, "Package sent"),
    (NodeState.AWAITING_PASSWORD, "Waiting for the password"), (NodeState.VERIFYING, "Verification by TLS handshake"),
    (NodeState.REGISTERED, "Registered"),
)  # fmt: skip
ORDER = [state for state, _ in STEPS]
# In these states the password that was shown has not been entered yet.
PASSWORD_LASTS = frozenset({NodeState.ISSUING, NodeState.DISTRIBUTING, NodeState.AWAITING_PASSWORD})


@dataclass(frozen=True)
class Held:
    """A certificate, and what is known about it on the node."""

    certificate: Certificate
    known: str
    colour: str


def failed_from(node: Node) -> NodeState:
    """The state in which the registration failed."""
    last = Event.objects.for_target(node.pk).filter(action="node.transition", detail__to="failed").first()
    return NodeState(last.detail["from"]) if last else NodeState.ISSUING


def steps(node: Node) -> list[Step]:
    """The steps of the registration, with the current one marked."""
    state = NodeState(node.state)
    if state == NodeState.DECOMMISSIONED:
        return []
    failed = state == NodeState.FAILED
    at = ORDER.index(failed_from(node) if failed else state)
    done = len(STEPS) if state == NodeState.REGISTERED else at
    return steps_at([label for _, label in STEPS], done=done, here="failed" if failed else "now")


def certificates(node: Node) -> list[Held]:
    """The certificates of the node, each with what its heartbeat reports about it; empty if it has none of its own."""
    own = Certificate.objects.issued().filter(holder_id=node.pk).order_by("-generation", "-kind")
    if not own:
        return []
    shared = Certificate.objects.issued().filter(kind__in=[Kind.CLUSTER, Kind.ROOT]).order_by("kind")
    seen = node.observed
    return [Held(each, *_known(each, seen)) for each in [*own, *shared]]


def _known(certificate: Certificate, seen: Any) -> tuple[str, str]:
    if seen is None:
        return "after the password is entered", "grey"
    if certificate.kind == Kind.ROOT:
        return ("trusted", "green") if certificate.sha256 in seen.trusts else ("not trusted yet", "grey")
    if certificate.sha256 not in seen.installed.values():
        return "not installed yet", "grey"
    if certificate.kind == Kind.CLUSTER:
        return ("installed, key verified", "green") if seen.cluster_proved_sha256 == certificate.sha256 else ("installed", "green")
    return ("installed and served", "green") if certificate.sha256 in seen.served.values() else ("installed", "green")


def history(node: Node, page: int = 1, *, lines: int = LINES) -> Page[Line]:
    """A page of the events of the node and its own certificates, newest first, in words."""
    own = dict(Certificate.objects.filter(holder_id=node.pk).values_list("pk", "kind"))
    return history_page(node.pk, own, page, lines)


def node_page(node: Node, *, actor: Actor, now: datetime) -> dict[str, Any]:
    """All variables of the page of a node: the node's own, and those of the sections that rooms have registered."""
    state, last, held = NodeState(node.state), Event.objects.for_target(node.pk).first(), certificates(node)
    found = sections(node, actor=actor, now=now)
    under_way = state in UNDER_WAY or found["renewing"]
    # The page is drawn again when something has changed, and every 20 s so that its times stay correct.
    drawn = f"{node.state} {node.state_reason} {node.generation} {last.sequence if last else 0} {int(now.timestamp()) // 20}"
    return found | {
        "node": node, "now": now, "steps": steps(node), "held": held, "history": history(node),
        "health": health_of(node, now=now),
        "setup_url": setup_url(node), "online": node.online(now), "observed": node.observed,
        "every_s": 2 if under_way else 15, "drawn": hashlib.sha256(drawn.encode()).hexdigest()[:16],
        "password_lasts": state in PASSWORD_LASTS, "can_distribute": NodeState.ISSUING in TRANSITIONS[state] and not node.is_central,
        "can_renew": state == NodeState.REGISTERED, "can_remove": state != NodeState.DECOMMISSIONED and not node.is_central,
        "root": next((each.certificate for each in held if each.certificate.kind == Kind.ROOT), None),
    }  # fmt: skip


def setup_url(node: Node) -> str:
    """The address of the node's setup page, where the password is entered."""
    if node.setup_url:
        return node.setup_url
    # Not reported yet. Several agents share a machine only in the embedded default, where each has its own loopback address.
    host = node.address if node.address.startswith("127.") and node.address != "127.0.0.1" else "localhost"
    return f"http://{host}:4570/certificateSetup"
