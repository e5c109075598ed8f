"""The needs of observation: silent nodes, clocks, unexplained callers and served certificates."""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Count, F, Max, Q
from django.db.models.functions import Abs
from django.urls import reverse

from attention.needs import Look, Many, Need, Severity, codes_register, needs_register
from certs.errors import ClockDoubtful
from certs.zone.services import zone_founded
from nodes.inventory.conditions import condition_register
from nodes.inventory.intervals import FIRST_CALL
from nodes.inventory.silence import last_call, observed, silent_calls, silent_nodes
from nodes.models import CallerFinding, Node
from nodes.observation.caller_wording import caller_words, findings_said
from nodes.observation.clock_doubt import clock_believed, last_callers
from nodes.observation.served_certificates import PATIENCE, hook_run, served_certificates_of
from nodes.states import NodeState
from pki.core import clocks
from web.words import listed

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
def needs(look: Look) -> Iterator[Need]:
    """Silent nodes, wrong clocks, unexplained callers, and services that do not serve the installed certificate."""
    now, findings = look.now, findings_said(look.now)
    yield from _callers(findings, now)
    yield from _silent(look)
    yield from _clocks(look)
    yield from _hooks(look)
    yield from _serving(look)
    yield from _nobody_calls(now)
    yield from _doubt(now)


@condition_register(
    "node-silent", F("observation__last_seen_at").asc(nulls_first=True), "{count} nodes are silent",
    "Their agents do not run, or cannot reach the central node.", varies=True,
)  # fmt: skip
def silent(now: datetime) -> Q:
    """Silent nodes, except those that call with a refused certificate."""
    return silent_nodes(now) & ~Q(pk__in=_calling(now))


@condition_register(
    "node-clock-off", Abs("observation__clock_offset_s").desc(), "{count} nodes have a wrong clock",
    "Valid certificates may be refused because of it.",
)  # fmt: skip
def clock_off(now: datetime) -> Q:
    """Nodes that call and have a wrong clock."""
    limit = clocks.AGREE.total_seconds()
    calls = ~silent_calls(now)
    return Q(state=NodeState.REGISTERED) & observed(Q(clock_offset_s__gte=limit) & calls, Q(clock_offset_s__lte=-limit) & calls)


@condition_register("node-reload-hook-failed", "name", "The reload hook failed on {count} nodes")
def hook_failed(now: datetime) -> Q:
    """Nodes whose reload hook failed."""
    return Q(state=NodeState.REGISTERED) & observed(Q(hook_failed=True))


@condition_register(
    "node-serves-old-certificate", "observation__serves_another_since", "{count} nodes have services that do not serve the installed certificate",
    remedy="Reload or restart these services. A reload hook on each node can do that after each renewal.",
)  # fmt: skip
def serves_another(now: datetime) -> Q:
    """Nodes with a service that has presented another certificate than the installed one for longer than a reload takes."""
    return Q(state=NodeState.REGISTERED) & observed(Q(serves_another_since__lt=now - PATIENCE))


def _calling(now: datetime) -> list[uuid.UUID]:
    """The nodes as which somebody calls with a refused certificate."""
    return [finding.node_id for finding in findings_said(now) if finding.node_id]


def _page(node: Node) -> str:
    return reverse("nodes:detail", args=[node.pk])


def _nobody_calls(now: datetime) -> Iterator[Need]:
    """If every other node is silent, the cause is probably not on the nodes."""
    refused = set(_calling(now))
    last = [seen for seen in last_callers(now) if seen.node_id not in refused]
    if any(now < seen.silent_at for seen in last):
        return
    others = Node.objects.filter(state=NodeState.REGISTERED, is_central=False).exclude(pk__in=refused)
    found = others.aggregate(count=Count("pk"), registered=Max("registered_at"))
    newest = found["registered"]
    if found["count"] < 2 or (newest > now - FIRST_CALL and others.filter(registered_at__gt=now - FIRST_CALL, observation=None).exists()):
        return
    since = max(newest, *(seen.last_seen_at for seen in last))
    yield Need(
        "no-node-calls", Severity.CRITICAL, "", f"No node has called for {clocks.length(now - since)}",
        f"All {found['count']} other nodes are silent, so the cause is probably at the central node or in the network.",
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


def _silent(look: Look) -> Iterator[Need]:
    many = look.many("node-silent")
    for node in look.worst("node-silent"):
        since = last_call(node, look.now)
        yield Need(
            "node-silent", Severity.CRITICAL, str(node), f"{node} has not called for {clocks.length(look.now - since)}",
            "Its agent does not run, or cannot reach the central node.",
            "Start its agent. If it runs, check that it can reach the node port of the central node.", _page(node), "Show node", since, many=many,
        )  # fmt: skip


def _clocks(look: Look) -> Iterator[Need]:
    many = look.many("node-clock-off")
    for node in look.worst("node-clock-off"):
        offset_s = node.clock_offset_s or 0.0
        side, clock = "ahead" if offset_s > 0 else "behind", look.now + timedelta(seconds=offset_s)
        both = clocks.apart(f"{node}'s", clock, "the central node's", look.now)
        title = f"{node}: clock is {clocks.length(timedelta(seconds=offset_s))} {side}"
        text, remedy = f"{both}. Valid certificates may be refused because of it.", "Set the node's time source (NTP)."
        yield Need("node-clock-off", Severity.WARNING, str(node), title, text, remedy, _page(node), "Show node", many=many)


def _serving(look: Look) -> Iterator[Need]:
    many, nodes = look.many("node-serves-old-certificate"), list(look.worst("node-serves-old-certificate"))
    services = served_certificates_of(nodes)
    for node in nodes:
        if old := [service for service in services[node.pk] if service.is_old]:
            which = f"{old[0].name} does" if len(old) == 1 else f"{len(old)} services do"
            text = " ".join(f"{service.name} {service.words}." for service in old)
            remedy = RELOAD.format(name=listed([service.name for service in old]))
            yield Need(
                "node-serves-old-certificate", Severity.WARNING, str(node), f"{node}: {which} not serve the installed certificate", text, remedy,
                _page(node), "Show node", many=many,
            )  # fmt: skip


def _hooks(look: Look) -> Iterator[Need]:
    many = look.many("node-reload-hook-failed")
    for node in look.worst("node-reload-hook-failed"):
        if run := hook_run(node):
            title, text = f"{node}: the reload hook failed", f"It {run.words}."
            yield Need(
                "node-reload-hook-failed", Severity.WARNING, str(node), title, text, run.remedy, _page(node), "Show node", run.at, many=many
            )


def _doubt(now: datetime) -> Iterator[Need]:
    """Automatic renewals pause while the clock of this machine is not credible."""
    if zone_founded() is None:
        return
    try:
        clock_believed(now=now)
    except ClockDoubtful as exc:
        yield Need(
            "clock-doubtful", Severity.CRITICAL, "central", "Automatic renewal is paused", str(exc),
            "Set the time source (NTP) of the central node.", reverse("overview"), "Check again",
            explains=frozenset({"node-clock-off", "renewal-overdue"}),
        )  # fmt: skip
