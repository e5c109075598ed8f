"""View models of the pages that register and redistribute a node."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from nodes.inventory.view_models import ConfirmationPage, NodePage, confirmation_page
from nodes.models import Node
from nodes.registration.agent_start import USUAL_PORTS, AgentStart, agent_start
from nodes.registration.preflight import Preflight
from nodes.registration.services import Ceremony
from nodes.states import NodeState
from pki.core.findings import Finding

# Blockers that end when somebody does something on the node. Meanwhile the checks repeat.
ENDS_ON_THE_NODE = frozenset({"port-closed", "agent-starting", "already-running", "unresolved"})
EVERY_S, MOST_CHECKS = 5, 360


@dataclass(frozen=True)
class Waiting:
    """The checks repeat until the agent at `target` answers. `checks` is how often they ran, `seen` what they found last."""

    target: str
    checks: int
    at: datetime
    seen: str
    is_complete: bool


@dataclass(frozen=True)
class RegisterPage:
    """The results of the checks. If `refused`, one of them, or a field, blocked the registration.

    If `goes_on`, the person asked for the registration as soon as no check blocks it, and now none does.
    """

    findings: Sequence[Finding]
    refused: bool
    start: AgentStart
    when_ready: bool
    waiting: Waiting | None = None
    stopped: bool = False
    goes_on: bool = False

    @property
    def every_s(self) -> int:
        return EVERY_S


def register_page(typed: Mapping[str, str], checks: Preflight | None, *, refused: bool, now: datetime) -> RegisterPage:
    """`typed` are the fields of the form as they are. `checks` is None if they did not run, because the form has an error or is new."""
    findings = checks.findings if checks else []
    blockers = {finding.code for finding in findings if finding.level == "blocker"}
    number = _number(typed.get("checks", ""))
    waits = blockers <= ENDS_ON_THE_NODE if blockers else checks is None and number > 0
    waiting = Waiting(_target(typed), number + 1, now, seen_of(checks) or typed.get("seen", ""), checks is not None) if waits else None
    when_ready = "when_ready" in typed
    ports = {name: _number(typed.get(name, "")) for name in USUAL_PORTS}
    return RegisterPage(
        findings, refused, agent_start(_text(typed, "address") or _text(typed, "host_name"), ports), when_ready, waiting if number < MOST_CHECKS else None, stopped=waits and number >= MOST_CHECKS,
        goes_on=when_ready and checks is not None and not blockers,
    )  # fmt: skip


def seen_of(checks: Preflight | None) -> str:
    """What the checks found, in short."""
    return " ".join(f"{finding.code}:{finding.level}" for finding in checks.findings) if checks else ""


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def _text(typed: Mapping[str, str], name: str) -> str:
    return typed.get(name, "").strip()[:64]


def _target(typed: Mapping[str, str]) -> str:
    return f"{_text(typed, 'address') or _text(typed, 'host_name')}, port {typed.get('distribution_port', '')[:5]}"


@dataclass(frozen=True)
class DistributionPage(ConfirmationPage):
    """A node to which a package is sent, for the first time or again."""

    @property
    def _first(self) -> bool:
        return self.node.state == NodeState.CREATED

    @property
    def verb(self) -> str:
        return "Register" if self._first else "Redistribute"

    @property
    def question(self) -> str:
        return f"Register {self.node.name}?" if self._first else f"Send {self.node.name} a new package?"

    @property
    def effect(self) -> str:
        if self._first:
            return "The checks run again. Then the keys and certificates are created and sent. You see the password once."
        new = "The node gets new keys, new certificates and a new password."
        if self.node.registered_at:
            return (
                f"{new} It uses its current certificates until you enter the password on the node. "
                "After verification, these certificates are superseded:"
            )
        return f"{new} The previous password no longer works.{' These certificates are revoked:' if self.held else ''}"


def distribution_page(node: Node, *, error: str = "", findings: Sequence[Finding] = ()) -> DistributionPage:
    return DistributionPage(**vars(confirmation_page(node, error=error, findings=findings)))


@dataclass(frozen=True)
class PasswordPage(NodePage):
    """The page of a node, with the password that is shown once."""

    ceremony: Ceremony
