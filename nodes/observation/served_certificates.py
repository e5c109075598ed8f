"""What the services of a node really use: installed against served now, and its reload hook's last run, in words."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from audit.models import Event
from certs.models import Certificate
from nodes.models import BrowserCertificate, Node, Observation
from pki.core import clocks
from pki.core.roles import Kind

PATIENCE = timedelta(minutes=10)
TIMED_OUT, NOT_STARTED = 124, 127  # as the agent reports it


@dataclass(frozen=True)
class Served:
    """One service, and what it serves now against what is installed. `colour` is green, orange (something else) or grey (nothing)."""

    name: str
    words: str
    colour: str

    @property
    def is_old(self) -> bool:
        return self.colour == "orange"


@dataclass(frozen=True)
class HookRun:
    """The last run of the reload hook. `failed` asks for a person."""

    at: datetime
    words: str
    failed: bool


def serving(node: Node) -> list[Served]:
    """Each service that the node's agent looks at, the agent's own 4242 first."""
    return servings([node])[node.pk]


def servings(nodes: Iterable[Node]) -> dict[uuid.UUID, list[Served]]:
    """The same for each of `nodes`, which come with their observations; two queries for all of them."""
    seen = {node.pk: _watched(node) for node in nodes}
    strange = {
        sha256 for each in seen.values() if each for sha256 in each.served.values() if sha256 not in (None, *each.installed.values())
    }
    known = {each.sha256: each for each in Certificate.objects.filter(sha256__in=strange).defer("der", "sealed_private_key")}
    browser = dict(BrowserCertificate.objects.filter(sha256__in=strange).values_list("sha256", "name"))
    return {pk: _services(each, known, browser) if each else [] for pk, each in seen.items()}


def _watched(node: Node) -> Observation | None:
    """What the node reports, where its agent looks at any service."""
    seen = node.observed
    return seen if seen is not None and seen.served and (seen.listening or len(seen.served) > 1) else None


def _services(seen: Observation, known: dict[str, Certificate], browser: dict[str, str]) -> list[Served]:
    told = [(name, sha256) for name, sha256 in sorted(seen.served.items(), key=lambda each: (each[0] != "service", each[0]))]
    return [_served(name, sha256, known, browser, seen) for name, sha256 in told if name != "service" or seen.listening]


def _served(name: str, sha256: str | None, known: dict[str, Certificate], browser: dict[str, str], seen: Observation) -> Served:
    called, remedy = ("The agent", "restart it") if name == "service" else (name, "reload it")
    if sha256 is None:
        return Served(called, "does not answer with TLS, so nothing is known: see that it runs", "grey")
    if sha256 in seen.installed.values():
        return Served(called, "serves what is installed", "green")
    certificate = known.get(sha256)
    if certificate is None and (name_there := browser.get(sha256)):
        return Served(called, f"still serves {name_there}, which is not what the node has for browsers now: {remedy}", "orange")
    if certificate is None:
        return Served(called, f"serves a certificate that this trust zone never signed: give it the installed one, then {remedy}", "orange")
    if certificate.kind != Kind.SERVICE or certificate.holder_id != seen.node_id:
        return Served(called, f"serves {certificate.subject} of {certificate.holder}: give it the installed one, then {remedy}", "orange")
    return Served(called, f"still serves the certificate of {clocks.stamp(certificate.created_at)}: {remedy}", "orange")


def installed_since(nodes: Iterable[Node]) -> dict[uuid.UUID, datetime | None]:
    """When each of `nodes` first called with what it has installed now; one query."""
    called = Q(action="renewal.transition", detail__to="proving") | Q(action="node.transition", detail__to="verifying")
    registered = {node.pk: node.registered_at for node in nodes}
    came = Event.objects.filter(called, target_id__in=registered).order_by("sequence").values_list("target_id", "at")
    return registered | dict(came)


def still_old(nodes: Iterable[Node], *, now: datetime) -> list[tuple[Node, Served]]:
    """What has served something else than the installed certificate for longer than a reload takes, with its node; three queries."""
    wanted = list(nodes)
    told = servings(wanted)
    old = [(node, each) for node in wanted for each in told[node.pk] if each.is_old]
    since = installed_since(node for node, _ in old)
    return [(node, each) for node, each in old if (at := since[node.pk]) is not None and now - at > PATIENCE]


def hook_run(node: Node) -> HookRun | None:
    """The last run of the node's reload hook; None where it has none."""
    told: dict[str, Any] = node.observed.hook if node.observed else {}
    if not told:
        return None
    at, code, generation = datetime.fromisoformat(told["at"]), told["exit"], told["generation"]
    if code == 0:
        return HookRun(at, f"fine, for generation {generation}", failed=False)
    if code is None:
        return HookRun(at, f"begun for generation {generation}; its end is not known yet", failed=False)
    how = {TIMED_OUT: "took longer than 60 s and was ended", NOT_STARTED: "could not be started"}.get(code, f"ended with {code}")
    return HookRun(
        at,
        f"{how}, for generation {generation}. The agent's log on the node says why; mend it, then restart the agent: it runs again",
        failed=True,
    )
