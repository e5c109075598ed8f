"""The needs of registrations."""

import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db.models import F
from django.urls import reverse

from attention.expiring import Expiring, by_hand, expiring_register
from attention.needs import Many, Need, Severity, codes_register, needs_register
from audit.models import Event
from nodes.inventory.view_models import PASSWORD_LASTS, setup_url
from nodes.models import Node, Registration
from nodes.states import UNDER_WAY, NodeState

codes_register(
    {
        "node-registration-failed": "a registration failed",
        "node-awaiting-password": "a node waits for its password",
        "node-registration-stuck": "a registration cannot continue",
        "node-not-registered": "a node was created and never registered",
        "node-needs-redistribution": "a node needs new certificates and a password",
    }
)


@needs_register
def needs(now: datetime) -> Iterator[Need]:
    """Nodes that were never registered, wait for a password, or whose registration failed or is blocked."""
    nodes = list(Node.objects.filter(state__in=[NodeState.CREATED, NodeState.FAILED, *UNDER_WAY]))
    lost = _were_registered(nodes)
    yield from _created([node for node in nodes if node.state == NodeState.CREATED])
    yield from _lost([node for node in nodes if node.pk in lost])
    for node in nodes:
        if node.pk not in lost:
            yield from _under_way(node)


def _were_registered(nodes: Iterable[Node]) -> set[uuid.UUID]:
    """The members of `nodes` that failed after they were registered, because a new root made their certificates invalid."""
    failed = [node.pk for node in nodes if node.state == NodeState.FAILED]
    events = Event.objects.filter(target_id__in=failed, action="node.transition", detail__to="failed").order_by("sequence")
    last = {event.target_id: event.detail["from"] for event in events}
    return {pk for pk, before in last.items() if before == NodeState.REGISTERED}


def _page(node: Node) -> str:
    return reverse("nodes:detail", args=[node.pk])


def _under_way(node: Node) -> Iterator[Need]:
    name, since = str(node), node.state_since
    match node.state:
        case NodeState.FAILED:
            again = reverse("nodes:redistribute", args=[node.pk])
            yield Need(
                "node-registration-failed",
                Severity.CRITICAL,
                name,
                f"{node}: registration failed",
                node.state_reason,
                "Then type the new password on the node.",
                again,
                "Redistribute",
                since,
            )
        case NodeState.AWAITING_PASSWORD:
            remedy = f"Type the password on that machine, at {setup_url(node)}."
            yield Need(
                "node-awaiting-password",
                Severity.INFO,
                name,
                f"{node} waits for its password",
                "The package is on the node.",
                remedy,
                _page(node),
                "Open",
                since,
            )
        case NodeState.DISTRIBUTING | NodeState.VERIFYING if node.state_reason:
            remedy = "It is tried again automatically. If this message stays, check the network, and read the agent's log on the node."
            yield Need(
                "node-registration-stuck",
                Severity.WARNING,
                name,
                f"{node}: registration is blocked",
                node.state_reason,
                remedy,
                _page(node),
                "Show node",
                since,
            )


def _created(created: list[Node]) -> Iterator[Need]:
    many = Many(
        "{count} nodes are not registered yet", f"{reverse('nodes:list')}?state={NodeState.CREATED}", "Show nodes", "They have no certificates yet.",
        "Register each node when its agent runs.",
    )  # fmt: skip
    for node in created:
        remedy, url = (
            "Register it. The central node then makes its certificates and sends them.",
            reverse("nodes:redistribute", args=[node.pk]),
        )
        title = f"{node} is not registered yet"
        yield Need(
            "node-not-registered", Severity.INFO, str(node), title, "It has no certificates yet.", remedy, url, "Register", node.created_at, many=many
        )  # fmt: skip


def _lost(lost: list[Node]) -> Iterator[Need]:
    """Nodes that were registered, and whose certificates a recreated root has made invalid."""
    many = Many(
        "{count} nodes need a new password", f"{reverse('nodes:list')}?state={NodeState.FAILED}", "Show nodes", lost[0].state_reason if lost else "",
        "Redistribute each node, and enter its new password there.",
    )  # fmt: skip
    for node in lost:
        remedy, url = "Redistribute the node, and enter its new password there.", reverse("nodes:redistribute", args=[node.pk])
        title = f"{node}: its certificates are no longer valid"
        yield Need(
            "node-needs-redistribution", Severity.CRITICAL, str(node), title, node.state_reason, remedy, url, "Redistribute", node.state_since, many=many
        )  # fmt: skip


@expiring_register("nodes.view_node")
def expiring(now: datetime) -> Iterator[Expiring]:
    """Passwords that are still to be typed."""
    waiting = Registration.objects.filter(node__state__in=PASSWORD_LASTS, generation=F("node__generation"))
    for registration in waiting.select_related("node").defer("package", "sealed_password"):
        node = registration.node
        text = f"Type it on that machine at {setup_url(node)}, or redistribute the node for another password."
        yield Expiring(
            id=str(registration.pk), kind="registration_password", subject=f"password of {node}", holder=str(node), owner=registration.actor,
            not_before=registration.created_at, not_after=registration.expires_at, wording=by_hand(text), url=reverse("nodes:detail", args=[node.pk]),
        )  # fmt: skip
