"""A node's life as a person reads it: the line of steps, its certificates, its history in words."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit.models import Event
from certs.history import LINES, Line, Page, history_page
from certs.history import line as history_line
from certs.models import Certificate, DatabaseKey
from certs.steps import Step, steps_at
from nodes.browser_story import WHY, browser_story
from nodes.caller_words import caller_words, findings_said
from nodes.health import health_of
from nodes.key_story import proofs
from nodes.models import CallerFinding, Node, Registration, Renewal
from nodes.revocation_story import bereft
from nodes.services.registration import setup_url
from nodes.serving import hook_run, serving
from nodes.states import TRANSITIONS, UNDER_WAY, NodeState, RenewalStatus
from pki.roles import Kind

STEPS = (
    (NodeState.CREATED, "Created"), (NodeState.ISSUING, "Keys and certificates"), (NodeState.DISTRIBUTING, "Package sent"),
    (NodeState.AWAITING_PASSWORD, "Waiting for the password"), (NodeState.VERIFYING, "Proof by handshake"),
    (NodeState.REGISTERED, "Registered"),
)  # fmt: skip
ORDER = [state for state, _ in STEPS]
# While one of these lasts, the password that was shown is still to be typed.
PASSWORD_LASTS = frozenset({NodeState.ISSUING, NodeState.DISTRIBUTING, NodeState.AWAITING_PASSWORD})
ENTERED = {
    "issuing": ("Registration started: keys and certificates are being made", "blue"),
    "distributing": ("Certificates signed, package sealed", "green"),
    "awaiting_password": ("The node accepted the package; it waits for the password", "green"),
    "verifying": ("The password was typed and the node called home with its new certificate", "green"),
    "registered": ("Proved by handshake: chain, host name and role hold. Registered", "green"),
    "failed": ("Registration failed", "red"),
    "decommissioned": ("Decommissioned: its certificates are revoked", "grey"),
}
RENEWAL_ENTERED = {
    "offered": ("New certificates are ready for the node to fetch", "blue"),
    "proving": ("The node installed its new certificates", "green"),
    "proved": ("Renewal proved by handshake", "green"),
    "failed": ("Renewal failed", "red"),
}


@dataclass(frozen=True)
class Held:
    """A certificate and what is known of it on the node."""

    certificate: Certificate
    known: str
    colour: str


def failed_from(node: Node) -> NodeState:
    """Where the ceremony ended."""
    last = Event.objects.for_target(node.pk).filter(action="node.transition", detail__to="failed").first()
    return NodeState(last.detail["from"]) if last else NodeState.ISSUING


def steps(node: Node) -> list[Step]:
    """The line of steps with where it stands now."""
    state = NodeState(node.state)
    if state == NodeState.DECOMMISSIONED:
        return []
    failed = state == NodeState.FAILED
    at = ORDER.index(failed_from(node) if failed else state)
    done = len(STEPS) if state == NodeState.REGISTERED else at
    return steps_at([label for _, label in STEPS], done=done, here="failed" if failed else "now")


def certificates(node: Node) -> list[Held]:
    """What the node holds or is about to hold, each with what its heartbeat says of it; nothing where it has none of its own."""
    own = Certificate.objects.issued().filter(holder_id=node.pk).order_by("-generation", "-kind")
    if not own:
        return []
    shared = Certificate.objects.issued().filter(kind__in=[Kind.CLUSTER, Kind.ROOT]).order_by("kind")
    seen = node.observed
    return [Held(each, *_known(each, seen)) for each in [*own, *shared]]


def _known(certificate: Certificate, seen: Any) -> tuple[str, str]:
    if seen is None:
        return "after unlocking", "grey"
    if certificate.kind == Kind.ROOT:
        return ("trusted", "green") if certificate.sha256 in seen.trusts else ("not trusted yet", "grey")
    if certificate.sha256 not in seen.installed.values():
        return "not installed yet", "grey"
    if certificate.kind == Kind.CLUSTER:
        return ("installed, its key proved", "green") if seen.cluster_proved_sha256 == certificate.sha256 else ("installed", "green")
    return ("installed and served", "green") if certificate.sha256 in seen.served.values() else ("installed", "green")


def history(node: Node, page: int = 1, *, lines: int = LINES) -> Page[Line]:
    """A page of what happened to the node and its own certificates, the newest first, in words."""
    own = dict(Certificate.objects.filter(holder_id=node.pk).values_list("pk", "kind"))
    return history_page(node.pk, own, page, lines, line)


def line(event: Event, kind: str = "") -> Line:
    """One event in words. What is not known here is shown by its name rather than hidden."""
    to, reason = str(event.detail.get("to", "")), str(event.detail.get("reason") or "")
    match event.action:
        case "node.created":
            text, colour = "Created", "grey"
        case "node.transition":
            text, colour = ENTERED.get(to, (f"Became {to}", "grey"))
            if (event.detail["from"], to) == (NodeState.REGISTERED, NodeState.FAILED):
                text = "Its certificates ended"
        case "renewal.transition":
            text, colour = RENEWAL_ENTERED.get(to, (f"Renewal {to}", "grey"))
        case "node.changed":
            text, colour = f"Changed: {'; '.join(_changes(event.detail['from'], event.detail['to']))}", "grey"
        case "node.caller_found" | "node.callers_settled":
            text, colour = _callers(event)
        case "registration.wrong_passwords":
            count = event.detail.get("count", 0)
            text, colour = f"{count} wrong password{'' if count == 1 else 's'} typed on the node, of 10", "orange"
        case "node.browser_certificate_chosen" | "node.browser_certificate_taken":
            chosen = event.action.endswith("chosen")
            text, colour = (_chosen(event.detail), "blue") if chosen else _taken(str(event.detail.get("problem", "")))
        case "cluster.ticked" | "cluster.unticked":
            taken = "" if event.action == "cluster.ticked" else ", and no longer"
            text, colour = f"Somebody says that the cluster certificate was imported there by hand{taken}", "grey"
        case _:
            return history_line(event, kind)
    return Line(event.at, text, colour, event.actor, reason)


def _changes(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """Each changed field with its old and new value."""
    for name in sorted(after):
        old, new = (", ".join(value) if isinstance(value, list) else value for value in (before[name], after[name]))
        yield f"{name.replace('_', ' ')} from {old or 'none'} to {new or 'none'}"


def _callers(event: Event) -> tuple[str, str]:
    if event.action == "node.callers_settled":
        return "Settled: one machine alone calls as this node", "grey"
    return f"From {event.detail['address'] or 'an unknown address'}: {CallerFinding.Kind(event.detail['kind']).label}", "red"


def _chosen(detail: dict[str, Any]) -> str:
    if not detail["thumbprint"]:
        return "Nothing chosen for browsers any more: the trust zone's certificate"
    return f"Chosen for browsers: {detail['name'] or 'a certificate that is not in the console'}, {detail['thumbprint']}"


def _taken(problem: str) -> tuple[str, str]:
    if not problem:
        return "Uses the certificate chosen for browsers", "green"
    return f"Fell back to the trust zone's certificate for browsers: {WHY[problem][0]}", "orange"


def story(node: Node, *, now: datetime) -> dict[str, Any]:
    """All that the page of a node shows."""
    state, renewal = NodeState(node.state), Renewal.objects.filter(node=node).first()
    under_way = state in UNDER_WAY or (renewal is not None and renewal.status not in (RenewalStatus.PROVED, RenewalStatus.FAILED))
    last, held = Event.objects.for_target(node.pk).first(), certificates(node)
    # The page is drawn again when something changed, and now and then so that its times stay true.
    drawn = f"{node.state} {node.state_reason} {node.generation} {last.sequence if last else 0} {int(now.timestamp()) // 20}"
    callers = [caller_words(each, now) for each in findings_said(now, node)]
    return {
        "node": node, "now": now, "steps": steps(node), "held": held, "history": history(node), "renewal": renewal,
        "registration": Registration.objects.filter(node=node, generation=node.generation).first(),
        "health": health_of(node, now=now),
        "setup_url": setup_url(node), "online": node.online(now), "observed": node.observed,
        "every_s": 2 if under_way else 15, "drawn": hashlib.sha256(drawn.encode()).hexdigest()[:16],
        "serving": serving(node), "hook": hook_run(node), "browser": browser_story(node),
        "callers": callers,
        "bereft": next((kinds for _, kinds in bereft([node])), []),
        "reads": proofs(node, list(DatabaseKey.objects.live())),
        "renewing": renewal is not None and renewal.status not in (RenewalStatus.PROVED, RenewalStatus.FAILED),
        "password_lasts": state in PASSWORD_LASTS, "can_distribute": NodeState.ISSUING in TRANSITIONS[state] and not node.is_central,
        "can_renew": state == NodeState.REGISTERED, "can_remove": state != NodeState.DECOMMISSIONED and not node.is_central,
        "root": next((each.certificate for each in held if each.certificate.kind == Kind.ROOT), None),
    }  # fmt: skip
