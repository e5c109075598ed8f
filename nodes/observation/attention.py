"""The needs of observation: silent nodes, clocks, unexplained callers and served certificates."""

import uuid
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from django.urls import reverse

from attention.needs import Many, Need, Severity, codes_register, needs_register
from certs.errors import ClockDoubtful
from certs.models import TrustZone
from nodes.inventory.silence import is_silent, last_call
from nodes.models import CallerFinding, Node
from nodes.observation.caller_wording import caller_words, findings_said
from nodes.observation.clock_doubt import clock_believed
from nodes.observation.served_certificates import hook_run, still_old
from nodes.states import NodeState
from pki.core import clocks

RELOAD = "Reload or restart {name}. A reload hook on the node can do that after each renewal."

codes_register(
    {
        "no-node-calls": "no node calls",
        "node-silent": "a node has missed three calls",
        "node-clock-off": "a node's clock is off by a minute or more",
        "node-serves-old-certificate": "a program presents an old certificate",
        "node-reload-hook-failed": "a reload hook ended with an error",
        "clock-doubtful": "the clocks of most nodes disagree with the central node",
        "node-two-callers": "two machines call as one node",
        "node-put-back": "a node calls with certificates that were replaced",
        "caller-unknown": "a machine calls with a certificate that the database does not know",
        "database-put-back": "a node remembers a call that the database does not",
    }
)


@needs_register
def needs(now: datetime) -> Iterator[Need]:
    """Silent nodes, wrong clocks, unexplained callers, and services that do not serve the installed certificate."""
    nodes, findings = list(Node.objects.filter(state=NodeState.REGISTERED).select_related("observation")), findings_said(now)
    calling = {finding.node_id for finding in findings if finding.node_id}  # with a refused certificate, so this node is not silent
    yield from _callers(findings, now)
    for node in nodes:
        yield from _calls(node, calling, now)
        yield from _hook(node)
    yield from _nobody_calls([node for node in nodes if node.pk not in calling], now)
    yield from _serving(nodes, now)
    yield from _doubt(now)


def _page(node: Node) -> str:
    return reverse("nodes:detail", args=[node.pk])


def _nobody_calls(nodes: list[Node], now: datetime) -> Iterator[Need]:
    """If every other node is silent, the cause is probably not on the nodes."""
    others = [node for node in nodes if node.state == NodeState.REGISTERED and not node.is_central]
    if len(others) < 2 or not all(is_silent(other, now) for other in others):
        return
    since = max(last_call(other, now) for other in others)
    yield Need(
        "no-node-calls", Severity.CRITICAL, "", f"No node has called for {clocks.length(now - since)}",
        f"All {len(others)} other nodes are silent, so the cause is probably at the central node or in the network.",
        "Check these in this order: the network and the firewalls between the nodes and this machine; whether the node API runs; the addresses that "
        "nodes call; the clock of this machine. Do not recreate the root, because every node would need a new password. That helps only if the root has "
        "expired or somebody else knows its key.",
        reverse("addresses"), "Show addresses", since, explains=frozenset({"node-silent"}),
    )  # fmt: skip


def _callers(findings: list[CallerFinding], now: datetime) -> Iterator[Need]:
    """Unknown callers, and callers that contradict the database."""
    for finding in findings:
        words, node = caller_words(finding, now), finding.node
        severity = Severity.WARNING if words.code == "database-put-back" else Severity.CRITICAL
        url, button = (_page(node), "Show node") if node else (reverse("nodes:list"), "Show nodes")
        many = Many(f"{{count}} callers: {finding.get_kind_display()}", reverse("nodes:list"), "Show nodes", words.text, words.remedy)
        yield Need(
            words.code, severity, str(node) if node else finding.address, words.title, words.text, words.remedy, url, button, finding.first_at, key=finding.key, many=many
        )  # fmt: skip


def _calls(node: Node, calling: Collection[uuid.UUID], now: datetime) -> Iterator[Need]:
    if is_silent(node, now):
        if node.pk not in calling:
            since = last_call(node, now)
            yield Need(
                "node-silent", Severity.CRITICAL, str(node), f"{node} has not called for {clocks.length(now - since)}",
                "Its agent does not run, or cannot reach the central node.",
                "Start its agent. If it runs, check that it can reach the node port of the central node.", _page(node), "Show node", since,
            )  # fmt: skip
    elif node.observed and node.online(now) and abs(node.observed.clock_offset_s) >= clocks.AGREE.total_seconds():
        yield _clock(node, node.observed.clock_offset_s, now)


def _clock(node: Node, offset_s: float, now: datetime) -> Need:
    side, clock = "ahead" if offset_s > 0 else "behind", now + timedelta(seconds=offset_s)
    both = clocks.apart(f"{node}'s", clock, "the central node's", now)
    title, text = (
        f"{node}: clock is {clocks.length(timedelta(seconds=offset_s))} {side}",
        f"{both}. Valid certificates may be refused because of it.",
    )
    return Need("node-clock-off", Severity.WARNING, str(node), title, text, "Set the node's time source (NTP).", _page(node), "Show node")


def _serving(nodes: list[Node], now: datetime) -> Iterator[Need]:
    for node, service in still_old(nodes, now=now):
        title, text = f"{node}: {service.name} does not serve the installed certificate", f"{service.name} {service.words}."
        remedy = RELOAD.format(name=service.name)
        yield Need(
            "node-serves-old-certificate", Severity.WARNING, str(node), title, text, remedy, _page(node), "Show node", key=service.name
        )


def _hook(node: Node) -> Iterator[Need]:
    run = hook_run(node)
    if run and run.failed:
        remedy = "Read the agent's log on the node, and fix the hook. Then restart the agent, which runs the hook again."
        title, text = f"{node}: the reload hook failed", f"It {run.words}."
        yield Need("node-reload-hook-failed", Severity.WARNING, str(node), title, text, remedy, _page(node), "Show node", run.at)


def _doubt(now: datetime) -> Iterator[Need]:
    """Automatic renewals pause while the clock of this machine is not credible."""
    if TrustZone.objects.current() is None:
        return
    try:
        clock_believed(now=now)
    except ClockDoubtful as exc:
        yield Need(
            "clock-doubtful", Severity.CRITICAL, "central", "Automatic renewal is paused", str(exc),
            "Set the time source (NTP) of the central node.", reverse("overview"), "Check again",
            explains=frozenset({"node-clock-off", "renewal-overdue"}),
        )  # fmt: skip
