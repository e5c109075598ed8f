"""Checks before a registration: each finding has a remedy."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from audit.actors import Actor
from certs.certificates.issuer import issuing_root
from certs.zone.services import zone_current
from nodes.addresses.services import REMEDY, addresses_recorded, is_remote, netlocs
from nodes.dial.services import Answer, ask
from nodes.errors import NodeUnreachable
from nodes.inventory.services import checked
from nodes.models import Node
from pki.core import addresses, clocks, names
from pki.core.commands import AGENT
from pki.core.findings import Finding
from pki.core.lifetime import add_months
from pki.exchange import agent_status
from pki.exchange.agent_status import AgentStatus

SKEW_BLOCKER = timedelta(hours=1)
FRESH_FOR = timedelta(seconds=30)


@dataclass(frozen=True)
class Preflight:
    """The findings of all checks of a node, those of the network last. `agent` is the status of its agent, if it answered."""

    target: tuple[str, str, int]
    at: datetime
    findings: list[Finding]
    agent: AgentStatus | None

    @property
    def blocks(self) -> bool:
        return any(finding.level == "blocker" for finding in self.findings)

    def is_fresh(self, node: Node, now: datetime) -> bool:
        """Whether a registration of `node` can start with these findings. Otherwise the checks run again."""
        return self.target == _target(node) and abs(now - self.at) < FRESH_FOR


Asked = Answer | NodeUnreachable


def agent_asked(node: Node) -> Asked:
    """The answer of the node's agent, or why there is none. Uses the network only."""
    try:
        return ask(node, "GET", "/status/servicestate", total_s=4)
    except NodeUnreachable as exc:
        return exc


def preflight(*, actor: Actor, now: datetime, asked: Asked | None = None, **fields: Any) -> Preflight:
    """Check a node that is not created yet, network included, within about 6 s. Raises: PermissionRefused, InputInvalid."""
    actor.require("nodes.add_node")
    return preflight_of(checked(**fields), now=now, asked=asked)


def preflight_of(node: Node, *, now: datetime, asked: Asked | None = None) -> Preflight:
    """Run all checks of `node`. They connect to it once, unless its agent was `asked` just before."""
    before = [*_name(node), *_lifetime(now), *_central_address(node), *_resolves(node)]
    found, status = _agent(node, now, asked or agent_asked(node))
    return Preflight(_target(node), now, [*before, *found], status)


def _target(node: Node) -> tuple[str, str, int]:
    return node.host_name, node.address or "", node.distribution_port


def _name(node: Node) -> Iterator[Finding]:
    if names.is_fully_qualified(node.host_name):
        yield Finding("host-name", "ok", f"{node.host_name} is a fully qualified name.", field="host_name")
    else:
        yield Finding(
            "host-name-short", "warning", f"{node.host_name} is not a fully qualified name.",
            "Use the full name, such as node.corp.example. The name cannot be changed later.", "host_name",
        )  # fmt: skip


def _lifetime(now: datetime) -> Iterator[Finding]:
    root = issuing_root()
    if root.not_after < now:
        yield Finding("root-expired", "blocker", "The root certificate has expired.", "Recreate the root before you register nodes.")
    elif add_months(now, zone_current().lifetime_months) > root.not_after:
        yield Finding(
            "lifetime-cut",
            "ok",
            f"Certificates expire with their root on {clocks.day(root.not_after)}, sooner than the lifetime setting allows.",
        )


def _central_address(node: Node) -> Iterator[Finding]:
    recorded = addresses_recorded()
    if any(addresses.is_wildcard(address.address) for address in recorded):
        yield Finding(
            "central-everywhere",
            "blocker",
            f"Nodes would get the address {', '.join(netlocs(recorded))}, which on a node is the node itself.",
            REMEDY,
        )
    elif all(addresses.is_loopback(address.address) for address in recorded) and is_remote(node):
        yield Finding(
            "central-loopback", "blocker", f"The node would get a loopback address ({', '.join(netlocs(recorded))}) for the central node.",
            REMEDY,
        )  # fmt: skip


def _resolves(node: Node) -> Iterator[Finding]:
    if node.address:
        return
    try:
        socket.getaddrinfo(node.host_name, node.distribution_port, type=socket.SOCK_STREAM)
    except OSError:
        yield Finding(
            "unresolved",
            "blocker",
            f"{node.host_name} does not resolve.",
            "Enter the node's address, or add the name to DNS.",
            "address",
        )


def _agent(node: Node, now: datetime, answer: Asked) -> tuple[list[Finding], AgentStatus | None]:
    if isinstance(answer, NodeUnreachable):
        first, _, remedy = str(answer).partition(". ")
        # A node that was registered before opens its port automatically, so a closed port does not block.
        severity = "warning" if node.registered_at else "blocker"
        text = f"Port {node.distribution_port} does not answer: {first[0].lower()}{first[1:]}."
        return [Finding("port-closed", severity, text, remedy, "address")], None
    try:
        status = agent_status.parse(answer.body)
    except ValueError:
        text = f"{node.dialled}:{node.distribution_port} answers, but not like an agent."
        remedy = "Another program listens on this port. Stop it, or enter the agent's port."
        return [Finding("no-agent", "blocker", text, remedy, "distribution_port")], None
    clock = _clock(datetime.fromtimestamp(answer.date, UTC), now) if answer.date is not None else ()
    return [*_state(node, status), *clock], status


def _state(node: Node, status: AgentStatus) -> Iterator[Finding]:
    zone, value = zone_current(), status.value
    if value == 2:
        yield Finding(
            "already-running",
            "blocker",
            "The agent already has certificates.",
            f"On the node, run `{AGENT} reopen`, then try again.",
            "address",
        )
    elif status.trust_zone not in (None, str(zone.pk)):
        yield Finding(
            "other-trust-zone",
            "blocker",
            "The agent belongs to a different trust zone.",
            "Start the agent on that machine with an empty home directory.",
            "address",
        )
    elif value == 1:
        yield Finding("agent", "ok", f"The agent answers on port {node.distribution_port} and waits for certificates.")
    else:
        yield Finding("agent-starting", "blocker", "The agent is still starting.", "Wait a few seconds and run the checks again.")


def _clock(clock: datetime, now: datetime) -> Iterator[Finding]:
    if clocks.agree(clock, now):
        yield Finding("clock", "ok", "The node's clock agrees with the clock of the central node.")
        return
    level = "blocker" if abs(clock - now) >= SKEW_BLOCKER else "warning"
    yield Finding(
        "clock-skew",
        level,
        clocks.apart("The node's", clock, "the central node's", now) + ".",
        "Correct the time on the node (NTP). Otherwise new certificates can be refused as not yet valid.",
    )
