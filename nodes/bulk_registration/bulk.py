"""Check many nodes before their registration, and register many."""

import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from audit.actors import Actor
from bulk.actions import Action, Done, action_register
from bulk.errors import ItemRefused
from bulk.models import BulkItem
from nodes.inventory.bulk import node_states
from nodes.inventory.services import node_create
from nodes.models import Node
from nodes.registration.preflight import Asked, Preflight, agent_asked, preflight
from nodes.registration.services import node_register
from pki.core.findings import Finding

PERMISSION, DIALED = "nodes.register_node", ("host_name", "address", "distribution_port")


def _words(findings: list[Finding], level: str) -> str:
    return " ".join(f"{finding.title} {finding.remedy}".strip() for finding in findings if finding.level == level)


def _asked(items: Sequence[BulkItem]) -> dict[uuid.UUID, Asked]:
    """What the agents of these rows answer, all asked at once: a machine that is switched off costs seconds."""
    nodes = [Node(**{name: item.payload[name] for name in DIALED if name in item.payload}) for item in items]
    with ThreadPoolExecutor(max(1, len(items))) as pool:
        return dict(zip((item.pk for item in items), pool.map(agent_asked, nodes), strict=True))


def _checks(item: BulkItem, actor: Actor, now: datetime) -> Preflight:
    """Raises: ItemRefused if a check blocks the registration, PermissionRefused, InputInvalid."""
    found = preflight(actor=actor, now=now, asked=item.ahead, **item.payload)
    if found.blocks:
        raise ItemRefused(_words(found.findings, "blocker"))
    return found


def _check(item: BulkItem, parameters: Mapping[str, Any], actor: Actor, now: datetime) -> Done:
    warnings = _words(_checks(item, actor, now).findings, "warning")
    return Done(f"Ready, with a warning: {warnings}" if warnings else "Ready. The agent answers and waits for certificates.")


def _register(item: BulkItem, parameters: Mapping[str, Any], actor: Actor, now: datetime) -> Done:
    """A worker that ended in between has created the node, or has begun its registration: both are found by the id of the item."""
    node, checks = Node.objects.present().filter(made_by_request=item.pk).first(), None
    if node is None:
        checks = _checks(item, actor, now)
        node = node_create(actor=actor, now=now, request=item.pk, **item.payload)
    ceremony = node_register(actor=actor, node=node, now=now, request=item.pk, checks=checks)
    return Done(f"Registration started. Enter the password at {ceremony.setup_url}.", node.pk, ceremony.password)


CHECK = action_register(
    Action(
        "nodes.check",
        PERMISSION,
        "Check",
        "new node",
        _check,
        ahead=_asked,
        atomic=False,
        next_page="nodes:register-checked",
        next_label="Register the nodes that are ready…",
    )
)
REGISTER = action_register(
    Action(
        "nodes.register",
        PERMISSION,
        "Register",
        "node",
        _register,
        page="nodes:detail",
        states=node_states,
        ahead=_asked,
        secret="password",  # noqa: S106  (a word)
        atomic=False,
    )
)
