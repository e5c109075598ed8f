"""The needs of registrations."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db.models import F, Q, QuerySet
from django.urls import reverse

from attention.expiring import Expiring, ExpiringTable, by_hand, table_register
from attention.needs import Look, Need, Severity, codes_register, needs_register
from nodes.inventory.conditions import condition_register
from nodes.inventory.view_models import PASSWORD_LASTS, setup_url
from nodes.models import Node, Registration
from nodes.states import NodeState

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
def needs(look: Look) -> Iterator[Need]:
    """Nodes that were never registered, wait for a password, or whose registration failed or is blocked."""
    for code, build in KINDS.items():
        for node in look.worst(code):
            yield replace(build(node), code=code, subject=str(node), many=look.many(code))


@condition_register(
    "node-not-registered", "created_at", "{count} nodes are not registered yet", "They have no certificates yet.", "Register each node when its agent runs.",
)  # fmt: skip
def not_registered(now: datetime) -> Q:
    return Q(state=NodeState.CREATED)


@condition_register("node-registration-failed", "state_since", "The registration of {count} nodes failed", "", "Redistribute each node.")
def registration_failed(now: datetime) -> Q:
    return Q(state=NodeState.FAILED) & ~Q(failed_from=NodeState.REGISTERED)


@condition_register(
    "node-needs-redistribution", "state_since", "{count} nodes need a new password", "", "Redistribute each node, and enter its new password there.",
)  # fmt: skip
def lost(now: datetime) -> Q:
    """Nodes that failed after they were registered, because a new root made their certificates invalid."""
    return Q(state=NodeState.FAILED, failed_from=NodeState.REGISTERED)


@condition_register(
    "node-awaiting-password", "state_since", "{count} nodes wait for their passwords", "The packages are on the nodes.", "Type each password on its machine.",
)  # fmt: skip
def awaiting_password(now: datetime) -> Q:
    return Q(state=NodeState.AWAITING_PASSWORD)


@condition_register("node-registration-stuck", "state_since", "The registration of {count} nodes is blocked")
def stuck(now: datetime) -> Q:
    return Q(state__in=[NodeState.DISTRIBUTING, NodeState.VERIFYING]) & ~Q(state_reason="")


def _page(node: Node) -> str:
    return reverse("nodes:detail", args=[node.pk])


def _redistribute(node: Node) -> str:
    return reverse("nodes:redistribute", args=[node.pk])


def _failed(node: Node) -> Need:
    title, remedy = f"{node}: registration failed", "Then type the new password on the node."
    return Need("", Severity.CRITICAL, "", title, node.state_reason, remedy, _redistribute(node), "Redistribute", node.state_since)


def _awaits_password(node: Node) -> Need:
    title, remedy = f"{node} waits for its password", f"Type the password on that machine, at {setup_url(node)}."
    return Need("", Severity.INFO, "", title, "The package is on the node.", remedy, _page(node), "Open", node.state_since)


def _stuck(node: Node) -> Need:
    title = f"{node}: registration is blocked"
    remedy = "It is tried again automatically. If this message stays, check the network, and read the agent's log on the node."
    return Need("", Severity.WARNING, "", title, node.state_reason, remedy, _page(node), "Show node", node.state_since)


def _created(node: Node) -> Need:
    title, remedy = f"{node} is not registered yet", "Register it. The central node then makes its certificates and sends them."
    return Need("", Severity.INFO, "", title, "It has no certificates yet.", remedy, _redistribute(node), "Register", node.created_at)


def _lost(node: Node) -> Need:
    title, remedy = f"{node}: its certificates are no longer valid", "Redistribute the node, and enter its new password there."
    return Need("", Severity.CRITICAL, "", title, node.state_reason, remedy, _redistribute(node), "Redistribute", node.state_since)


# For each code: the need of a node.
KINDS: dict[str, Callable[[Node], Need]] = {
    "node-needs-redistribution": _lost,
    "node-registration-failed": _failed,
    "node-registration-stuck": _stuck,
    "node-awaiting-password": _awaits_password,
    "node-not-registered": _created,
}


@table_register
class Passwords(ExpiringTable):
    """Passwords that are still to be typed."""

    permission = "nodes.view_node"
    kind = "registration_password"
    searched = ("node__name", "actor")

    def rows(self) -> "QuerySet[Registration]":
        waiting = Registration.objects.filter(node__state__in=PASSWORD_LASTS, generation=F("node__generation"))
        return waiting.annotate(not_after=F("expires_at")).select_related("node").defer("package", "sealed_password")

    def by_hand(self, now: datetime) -> Q:
        return Q(pk__isnull=False)

    def things(self, rows: Sequence[Any], now: datetime) -> list[Expiring]:
        return [self._thing(registration, registration.node) for registration in rows]

    def _thing(self, registration: Registration, node: Node) -> Expiring:
        text = f"Type it on that machine at {setup_url(node)}, or redistribute the node for another password."
        return Expiring(
            id=str(registration.pk), kind="registration_password", subject=f"password of {node}", holder=str(node), owner=registration.actor,
            not_before=registration.created_at, not_after=registration.expires_at, wording=by_hand(text), url=reverse("nodes:detail", args=[node.pk]),
        )  # fmt: skip
