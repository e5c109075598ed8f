"""View models of the page of a node, and of the pages that confirm an action on it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from audit.actors import Actor
from audit.event_lines import LINES, History, history_of
from audit.reasons import may_read_reasons
from certs.models import Certificate
from certs.states import CertificateStatus
from nodes.inventory.health import REASONS, NodeHealth, health_of
from nodes.inventory.held_certificates import HeldCertificate, held_certificates
from nodes.inventory.sections import Place, Section, sections_of
from nodes.models import Node
from nodes.states import TRANSITIONS, UNDER_WAY, NodeState
from pki.core.findings import Finding
from web.progress import Step, steps_at
from web.templatetags.console import state_label

STEPS = (
    (NodeState.CREATED, "Created"), (NodeState.ISSUING, "Keys and certificates"), (NodeState.DISTRIBUTING, "Package sent"),
    (NodeState.AWAITING_PASSWORD, "Waiting for the password"), (NodeState.VERIFYING, "Verification by TLS handshake"),
    (NodeState.REGISTERED, "Registered"),
)  # fmt: skip
ORDER = [state for state, _ in STEPS]
# In these states the password that was shown has not been entered yet.
PASSWORD_LASTS = frozenset({NodeState.ISSUING, NodeState.DISTRIBUTING, NodeState.AWAITING_PASSWORD})


# Why a node has no certificate, by its state.
NO_CERTIFICATE = {
    NodeState.CREATED: "None yet. They are created when the node is registered.",
    NodeState.ISSUING: "They are being created.",
}


@dataclass(frozen=True)
class Since:
    """The node's current status, and its start."""

    label: str
    at: datetime


@dataclass(frozen=True)
class NodePage:
    """The page of a node. Its sections are those that rooms have registered. `every_s`: the seconds between two updates.

    `history` is None for a person who may not read reasons.
    """

    node: Node
    subtitle: str
    tags: list[str]
    health: NodeHealth
    health_reason: str
    steps: list[Step]
    since: Since | None
    certificates: list[HeldCertificate]
    no_certificate: str
    history: History | None
    sections: list[Section]
    every_s: int
    password_lasts: bool
    can_distribute: bool
    can_edit: bool
    can_renew: bool
    can_remove: bool

    @property
    def distribute(self) -> str:
        """The label of the button that sends a package."""
        return "Register" if self.node.state == NodeState.CREATED else "Redistribute"

    @property
    def steps_are_done(self) -> bool:
        """Whether the registration is of the past."""
        return self.node.state == NodeState.REGISTERED

    @property
    def must_distribute(self) -> bool:
        """Whether the node works only after a package was sent."""
        return self.node.state in (NodeState.CREATED, NodeState.FAILED)

    def _at(self, place: Place) -> list[Section]:
        return [section for section in self.sections if section.place == place]

    @property
    def top(self) -> list[Section]:
        return self._at(Place.TOP)

    @property
    def notes(self) -> list[Section]:
        return self._at(Place.NOTES)

    @property
    def facts(self) -> list[Section]:
        return self._at(Place.FACTS)

    @property
    def cards(self) -> list[Section]:
        return self._at(Place.CARDS)


@dataclass(frozen=True)
class EditPage:
    """The recorded data of a node, to change it."""

    node: Node


@dataclass(frozen=True)
class AffectedCertificate:
    """A certificate that an action affects."""

    certificate: Certificate
    text: str


@dataclass(frozen=True)
class ConfirmationPage:
    """An action on a node, before it is confirmed: the certificates that it affects, or why it was refused."""

    node: Node
    subtitle: str
    held: list[AffectedCertificate]
    error: str
    findings: Sequence[Finding]


def steps(node: Node) -> list[Step]:
    """The steps of the registration, with the current one marked."""
    state = NodeState(node.state)
    if state == NodeState.DECOMMISSIONED:
        return []
    failed = state == NodeState.FAILED
    at = ORDER.index(NodeState(node.failed_from or NodeState.ISSUING) if failed else state)
    done = len(STEPS) if state == NodeState.REGISTERED else at
    return steps_at([label for _, label in STEPS], done=done, here="failed" if failed else "now")


def history(node: Node, before: int | None = None, *, lines: int = LINES) -> History:
    """The newest events of the node and its own certificates before the event `before`, in words."""
    return history_of(node.pk, Certificate.objects.filter(holder_id=node.pk), before=before, lines=lines)


def _since(node: Node) -> Since | None:
    if node.state == NodeState.DECOMMISSIONED:
        return Since("Decommissioned", node.state_since)
    if node.registered_at and NodeState(node.state) not in PASSWORD_LASTS:
        return Since("Registered", node.registered_at)
    return None


def node_page(node: Node, *, actor: Actor, now: datetime) -> NodePage:
    """The page of a node, with the sections that rooms have registered."""
    state, found, health = NodeState(node.state), sections_of(node, actor=actor, now=now), health_of(node, now=now)
    renewing, reads = any(section.under_way for section in found), may_read_reasons(actor)
    present = state != NodeState.DECOMMISSIONED
    where = [node.host_name, node.address, f"ports {node.distribution_port}, {node.node_port}", ", ".join(node.services)]
    return NodePage(
        node=node, subtitle=" · ".join(filter(None, where)), tags=node.tags, health=health, health_reason=REASONS.get(health, ""), steps=steps(node), since=_since(node),
        certificates=held_certificates(node), no_certificate=NO_CERTIFICATE.get(state, "None is valid."), history=history(node) if reads else None,
        sections=[section for section in found if reads or not section.is_reason], every_s=2 if state in UNDER_WAY or renewing else 15,
        password_lasts=state in PASSWORD_LASTS, can_distribute=NodeState.ISSUING in TRANSITIONS[state] and not node.is_central and actor.has_perm("nodes.register_node"),
        can_edit=present and actor.has_perm("nodes.change_node"),
        can_renew=state == NodeState.REGISTERED and not renewing and actor.has_perm("nodes.renew_node"),
        can_remove=present and not node.is_central and actor.has_perm("nodes.decommission_node"),
    )  # fmt: skip


def confirmation_page(
    node: Node, *, held: Iterable[Certificate] | None = None, error: str = "", findings: Sequence[Finding] = ()
) -> ConfirmationPage:
    """`held` are the certificates that the action affects, by default the issued certificates of the node."""
    subtitle = " · ".join(filter(None, [node.host_name, node.address, state_label(node.state)]))
    if held is None:
        held = Certificate.objects.issued().filter(holder_id=node.pk)
    return ConfirmationPage(node, subtitle, [_affected(certificate) for certificate in held], error, findings)


def _affected(certificate: Certificate) -> AffectedCertificate:
    superseded = ", superseded" if certificate.status == CertificateStatus.SUPERSEDED else ""
    return AffectedCertificate(certificate, f"{certificate.subject}{superseded}, serial {certificate.serial[:12]}…")


def setup_url(node: Node) -> str:
    """The address of the node's setup page, where the password is entered."""
    if node.setup_url:
        return node.setup_url
    # Not reported yet. Several agents share a machine only in the embedded default, where each has its own loopback address.
    host = node.address if node.address.startswith("127.") and node.address != "127.0.0.1" else "localhost"
    return f"http://{host}:4570/certificateSetup"
