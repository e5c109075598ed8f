"""The certificates that the services of a node serve, compared with the installed ones, and the last run of its reload hook."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from certs.models import Certificate
from nodes.models import BrowserCertificate, Node, Observation
from pki.core import clocks
from pki.core.roles import Kind

PATIENCE = timedelta(minutes=10)
TIMED_OUT, NOT_STARTED = 124, 127  # as the agent reports it


@dataclass(frozen=True)
class Served:
    """One service, and whether it serves the installed certificate. `color` is green (yes), orange (no) or grey (unknown)."""

    name: str
    words: str
    color: str

    @property
    def is_old(self) -> bool:
        return self.color == "orange"


@dataclass(frozen=True)
class HookRun:
    """The last run of the reload hook. If it `failed`, a person must act."""

    at: datetime
    words: str
    failed: bool = False
    remedy: str = ""


def served_certificates(node: Node) -> list[Served]:
    """Each service that the node's agent checks, the agent's own port first."""
    return served_certificates_of([node])[node.pk]


def served_certificates_of(nodes: Iterable[Node]) -> dict[uuid.UUID, list[Served]]:
    """The same for each of `nodes`, in at most two queries. Select the observations with the nodes."""
    seen = {node.pk: _watched(node) for node in nodes}
    strange = {
        sha256
        for report in seen.values()
        if report
        for sha256 in report.served.values()
        if sha256 not in (None, *report.installed.values())
    }
    known = {
        certificate.sha256: certificate for certificate in Certificate.objects.filter(sha256__in=strange).defer("der", "sealed_private_key")
    }
    foreign = strange - known.keys()
    browser = dict(BrowserCertificate.objects.filter(sha256__in=foreign).values_list("sha256", "name")) if foreign else {}
    return {pk: _services(report, known, browser) if report else [] for pk, report in seen.items()}


def _watched(node: Node) -> Observation | None:
    """The node's observation, if its agent checks any service."""
    seen = node.observed
    return seen if seen is not None and seen.served and (seen.listening or len(seen.served) > 1) else None


def _services(seen: Observation, known: dict[str, Certificate], browser: dict[str, str]) -> list[Served]:
    in_order = [(name, sha256) for name, sha256 in sorted(seen.served.items(), key=lambda pair: (pair[0] != "service", pair[0]))]
    return [_served(name, sha256, known, browser, seen) for name, sha256 in in_order if name != "service" or seen.listening]


def _served(name: str, sha256: str | None, known: dict[str, Certificate], browser: dict[str, str], seen: Observation) -> Served:
    called, remedy = ("The agent", "restart it") if name == "service" else (name, "reload it")
    if sha256 is None:
        return Served(called, "does not answer with TLS. Check that it runs", "grey")
    if sha256 in seen.installed.values():
        return Served(called, "serves the installed certificate", "green")
    certificate = known.get(sha256)
    if certificate is None and (name_there := browser.get(sha256)):
        return Served(called, f"still serves {name_there}, which is not the node's current browser certificate: {remedy}", "orange")
    if certificate is None:
        return Served(
            called, f"serves a certificate that this trust zone did not sign: configure the installed one, then {remedy}", "orange"
        )
    if certificate.kind != Kind.SERVICE or certificate.holder_id != seen.node_id:
        return Served(called, f"serves {certificate.subject} of {certificate.holder}: configure the installed one, then {remedy}", "orange")
    return Served(called, f"still serves the certificate of {clocks.stamp(certificate.created_at)}: {remedy}", "orange")


def hook_run(node: Node) -> HookRun | None:
    """The last run of the node's reload hook; None if it has no hook."""
    run: dict[str, Any] = node.observed.hook if node.observed else {}
    if not run:
        return None
    at, code, generation = datetime.fromisoformat(run["at"]), run["exit"], run["generation"]
    if code == 0:
        return HookRun(at, f"succeeded, for generation {generation}")
    if code is None:
        return HookRun(at, f"started for generation {generation}; its result is not known yet")
    how = {TIMED_OUT: "took longer than 60 s and was stopped", NOT_STARTED: "could not be started"}.get(
        code, f"failed with exit code {code}"
    )
    remedy = "The agent's log on the node has the reason. Fix the hook, then restart the agent, which runs the hook again."
    return HookRun(at, f"{how}, for generation {generation}", True, remedy)
