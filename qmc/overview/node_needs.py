"""What nodes need from a person."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.urls import reverse

from attention.needs import Need, Severity
from audit.actors import SYSTEM
from certs.zone.services import zone_current
from nodes.automatic.services import Due
from nodes.browser_certificates.view_models import browser_story, choosers
from nodes.cluster.services import manual_standing, site_answer
from nodes.inventory.view_models import failed_from, setup_url
from nodes.models import SILENT_AFTER, BrowserCertificate, CallerFinding, Node, Renewal
from nodes.observation.caller_wording import CallerWords, caller_words, findings_said
from nodes.observation.served_certificates import hook_run, still_old
from nodes.registration.decommission import LOST
from nodes.renewal.blocked_reason import trouble
from nodes.revocation.exposure import secrets_kept
from nodes.revocation.view_models import bereft
from nodes.states import NodeState, RenewalStatus
from pki.core import clocks
from pki.core.lifetime import ExpiryStatus
from web.templatetags.console import left_words, spoken

# More nodes than this of one state are one line, so that they hide nothing.
MOST_ALIKE = 3
BROWSER_ENDS_SOON = timedelta(days=30)
# Renewals that are overdue become critical in the last days of a certificate, or when they are this late.
LAST_DAYS, VERY_LATE = timedelta(days=30), timedelta(days=7)
RELOAD = "Let {name} load it again, or restart {name}; a reload hook does that after each renewal."


def node_needs(nodes: list[Node], now: datetime) -> Iterator[Need]:
    """Every need of `nodes`, which come with their observations."""
    by_state: dict[tuple[NodeState, bool], list[Node]] = {}
    for node in nodes:
        lost = node.state == NodeState.FAILED and failed_from(node) == NodeState.REGISTERED
        by_state.setdefault((NodeState(node.state), lost), []).append(node)
    findings = findings_said(now)
    calling = {each.node_id for each in findings}
    yield from _callers(findings, now)
    yield from _created(by_state.pop((NodeState.CREATED, False), []))
    yield from _lost(by_state.pop((NodeState.FAILED, True), []))
    for (state, _), same in by_state.items():
        for node in same:
            yield from _registered(node, now, calls=node.pk in calling) if state == NodeState.REGISTERED else _under_way(node)
    yield from _nobody_calls([node for node in nodes if node.pk not in calling], now)
    yield from _revoked(nodes)
    yield from _lost_machines(now)
    yield from _browser_certificates(now)


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
                "Redistribute the node.",
                again,
                "Redistribute",
                since,
            )
        case NodeState.AWAITING_PASSWORD:
            remedy = f"Type the password on that machine at {setup_url(node)}."
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
            remedy = "It is tried again. If this stays, check the network and the agent's log on the node."
            yield Need(
                "node-registration-stuck",
                Severity.WARNING,
                name,
                f"{node}: registration does not continue",
                node.state_reason,
                remedy,
                _page(node),
                "Show node",
                since,
            )


def _created(created: list[Node]) -> Iterator[Need]:
    if len(created) > MOST_ALIKE:
        url, title = f"{reverse('nodes:list')}?state={NodeState.CREATED}", f"{len(created)} nodes are not registered yet"
        yield Need(
            "node-not-registered",
            Severity.INFO,
            "",
            title,
            "They have no certificates yet.",
            "Register each node when its agent runs.",
            url,
            "Show nodes",
        )
        return
    for each in created:
        remedy, url = "Register it: its certificates are then made and sent.", reverse("nodes:redistribute", args=[each.pk])
        yield Need(
            "node-not-registered",
            Severity.INFO,
            str(each),
            f"{each} is not registered yet",
            "It has no certificates yet.",
            remedy,
            url,
            "Register",
            each.created_at,
        )


def _lost(lost: list[Node]) -> Iterator[Need]:
    """Nodes that were registered, and whose certificates a new root has ended."""
    if len(lost) > MOST_ALIKE:
        url, since = f"{reverse('nodes:list')}?state={NodeState.FAILED}", min(each.state_since for each in lost)
        title, remedy = f"{len(lost)} nodes need a new password", "Redistribute each node, and type its new password there."
        yield Need("node-needs-redistribution", Severity.CRITICAL, "", title, lost[0].state_reason, remedy, url, "Show nodes", since)
        return
    for each in lost:
        remedy, url = "Redistribute the node, and type its new password there.", reverse("nodes:redistribute", args=[each.pk])
        yield Need(
            "node-needs-redistribution",
            Severity.CRITICAL,
            str(each),
            f"{each}: its certificates ended",
            each.state_reason,
            remedy,
            url,
            "Redistribute",
            each.state_since,
        )


def _is_silent(node: Node, now: datetime) -> bool:
    return not node.online(now) and now - _last_call(node, now) >= SILENT_AFTER


def _last_call(node: Node, now: datetime) -> datetime:
    return node.observed.last_seen_at if node.observed else node.registered_at or now


def _nobody_calls(nodes: list[Node], now: datetime) -> Iterator[Need]:
    """If every other node is silent, the cause is seldom on each of them."""
    others = [each for each in nodes if each.state == NodeState.REGISTERED and not each.is_central]
    if len(others) < 2 or not all(_is_silent(each, now) for each in others):
        return
    since = max(_last_call(each, now) for each in others)
    yield Need(
        "no-node-calls", Severity.CRITICAL, "", f"No node has called for {spoken((now - since).total_seconds())}",
        f"All {len(others)} other nodes are silent, so the cause is probably at the central node or in the network.",
        "Check in this order: the network between nodes and this machine, with its firewalls; whether the node API runs; the addresses that nodes "
        "call; the clock here. Do not recreate the root: that helps only if it has expired or its key is known to others, and needs a new password on every node.",
        reverse("addresses"), "Show addresses", since, explains=frozenset({"node-silent"}),
    )  # fmt: skip


def _callers(findings: list[CallerFinding], now: datetime) -> Iterator[Need]:
    """Callers that the database does not explain; many of one kind are one line."""
    by_code: dict[str, list[CallerWords]] = {}
    for each in findings:
        words = caller_words(each, now)
        by_code.setdefault(words.code, []).append(words)
    for code, same in by_code.items():
        severity = Severity.WARNING if code == "database-put-back" else Severity.CRITICAL
        first, since = same[0], min(each.finding.first_at for each in same)
        if len(same) > MOST_ALIKE:
            title = f"{len(same)} callers: {first.finding.get_kind_display()}"
            yield Need(code, severity, "", title, first.text, first.remedy, reverse("nodes:list"), "Show nodes", since)
            continue
        for words in same:
            node, at = words.finding.node, words.finding.first_at
            url, button = (_page(node), "Show node") if node else (reverse("nodes:list"), "Show nodes")
            subject = str(node) if node else words.finding.address
            yield Need(code, severity, subject, words.title, words.text, words.remedy, url, button, at)


def _registered(node: Node, now: datetime, *, calls: bool) -> Iterator[Need]:
    """`calls` is true where it calls with a certificate that is not taken: it is not silent."""
    silent = _is_silent(node, now)
    if silent and not calls:
        since = _last_call(node, now)
        yield Need(
            "node-silent", Severity.CRITICAL, str(node), f"{node} has not called for {spoken((now - since).total_seconds())}",
            "Its agent does not run, or does not reach the central node.",
            "Start its agent, or let it reach the central node on the node port.", _page(node), "Show node", since,
        )  # fmt: skip
    elif node.observed and node.online(now) and abs(node.observed.clock_offset_s) >= clocks.AGREE.total_seconds():
        yield _clock(node, node.observed.clock_offset_s, now)
    yield from _serving(node, now)
    yield from _browser(node, now)
    last = Renewal.objects.filter(node=node).first()
    if silent:
        return  # the first cause of a failed renewal, and named already
    if last and last.status == RenewalStatus.FAILED and last.generation == node.generation:
        remedy = "It is tried again every hour while the certificates are due. Solve the cause, or renew the node by hand."
        yield Need(
            "node-renewal-failed",
            Severity.WARNING,
            str(node),
            f"{node}: renewal failed",
            last.reason,
            remedy,
            _page(node),
            "Show node",
            last.since,
        )


def _clock(node: Node, offset_s: float, now: datetime) -> Need:
    side, clock = "ahead" if offset_s > 0 else "behind", now + timedelta(seconds=offset_s)
    both = clocks.apart(f"{node}'s", clock, "the central node's", now)
    title, text = f"{node}: clock is {clocks.length(offset_s)} {side}", f"{both}. Good certificates could be refused because of it."
    return Need("node-clock-off", Severity.WARNING, str(node), title, text, "Set the node's time source (NTP).", _page(node), "Show node")


def _serving(node: Node, now: datetime) -> Iterator[Need]:
    for each in still_old(node, now=now):
        title, text = f"{node}: {each.name} does not serve what is installed", f"{each.name} {each.words}."
        yield Need(
            "node-serves-old-certificate", Severity.WARNING, str(node), title, text, RELOAD.format(name=each.name), _page(node), "Show node"
        )
    run = hook_run(node)
    if run and run.failed:
        remedy = "Read the agent's log on the node, correct the hook, then restart the agent: the hook runs again."
        yield Need(
            "node-reload-hook-failed",
            Severity.WARNING,
            str(node),
            f"{node}: the reload hook failed",
            f"It {run.words}.",
            remedy,
            _page(node),
            "Show node",
            run.at,
        )


def _browser(node: Node, now: datetime) -> Iterator[Need]:
    told = browser_story(node) if node.browser_thumbprint else None
    if told is not None and told.state == "fallen_back":
        title = f"{node} does not use the certificate chosen for browsers"
        yield Need(
            "browser-certificate-not-used", Severity.WARNING, str(node), title, told.text, told.remedy, _page(node), "Show node", told.since
        )
    elif told is not None and told.is_unserved(now):
        title, text = f"{node}: nothing serves the certificate chosen for browsers", f"None of {', '.join(told.others)} presents it."
        remedy = "Let the proxy load machine/personal/browser.pem again; a reload hook does that after each change."
        yield Need("browser-certificate-not-served", Severity.WARNING, str(node), title, text, remedy, _page(node), "Show node", told.since)


def _browser_certificates(now: datetime) -> Iterator[Need]:
    """What is chosen somewhere and expires soon: nothing renews it."""
    expiring = list(BrowserCertificate.objects.ready().filter(not_after__lt=now + BROWSER_ENDS_SOON).defer("certificates", "private_key"))
    chosen = choosers(expiring)
    for each in expiring:
        nodes, days = ", ".join(str(node) for node in chosen[str(each.pk)]), each.days_left(now)
        if not nodes:
            continue
        expired = each.expiry_status(now) == ExpiryStatus.EXPIRED
        title = f"{each}, for browsers: " + ("has expired" if expired else f"ends in {left_words(days)}")
        yield Need(
            "browser-certificate-expiring", Severity.CRITICAL if days < 7 else Severity.WARNING, str(each), title,
            f"It is chosen for {nodes}, and its renewal is not automatic.", "Upload its successor and choose that.",
            reverse("browser_certificates:detail", args=[each.pk]), "Show certificate", each.not_after if expired else None,
        )  # fmt: skip


def _revoked(nodes: list[Node]) -> Iterator[Need]:
    for node, kinds in bereft(nodes):
        yield Need(
            "node-certificate-revoked", Severity.CRITICAL, str(node), f"{node}: {' and '.join(kinds)} certificate revoked",
            "Nobody accepts it any more, and a renewal could not reach the node.", "Redistribute the node.",
            reverse("nodes:redistribute", args=[node.pk]), "Redistribute",
        )  # fmt: skip


def _lost_machines(now: datetime) -> Iterator[Need]:
    """Machines that were decommissioned as lost, as long as something that they knew was not replaced: the latest ones."""
    for node in Node.objects.filter(state=NodeState.DECOMMISSIONED, state_reason=LOST).order_by("-state_since")[:MOST_ALIKE]:
        known = [each.name for each in secrets_kept(node, actor=SYSTEM, now=now) if each.replaced is False]
        if known:
            yield Need(
                "secrets-known", Severity.WARNING, str(node), f"{node} was lost, and what it knew is still in use", f"Not replaced yet: {', '.join(known)}.",
                "Replace each of them: the node's page leads there.", _page(node), "Show node", node.state_since,
            )  # fmt: skip


def overdue_need(due: Due, now: datetime) -> Need:
    """Certificates whose automatic renewal has not happened: more severe the longer it lasts and the nearer their expiry."""
    late, left = now - due.since, due.not_after - now
    last = Renewal.objects.filter(node=due.node).exclude(status=RenewalStatus.PROVED).first()
    why = trouble(due.node, last, now) or (last.reason if last else "") or "No attempt has failed yet."
    title = (
        f"{due.node}: due for renewal since {spoken(late.total_seconds())}, its certificates end in {spoken(max(left.total_seconds(), 0))}"
    )
    severity = Severity.CRITICAL if left < LAST_DAYS or late > VERY_LATE else Severity.WARNING
    remedy = "It is tried again every hour. Solve the cause, or renew the node by hand."
    return Need("renewal-overdue", severity, str(due.node), title, why, remedy, _page(due.node), "Show node", due.since)


def cluster_needs() -> Iterator[Need]:
    if not site_answer(zone_current()).required:
        return
    standing = manual_standing()
    if standing.todo:
        yield Need(
            "cluster-certificate-missing", Severity.WARNING, "",
            f"{len(standing.todo)} of {len(standing.registered)} nodes need the QlikServiceCluster certificate by hand",
            standing.answer.reason, "Configure the certificate on each of these nodes.", reverse("cluster:manual"), "Configure",
        )  # fmt: skip
