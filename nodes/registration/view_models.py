"""View models of the pages that register and redistribute a node."""

from collections.abc import Sequence
from dataclasses import dataclass

from nodes.inventory.view_models import ConfirmationPage, NodePage, confirmation_page
from nodes.models import Node
from nodes.registration.services import Ceremony
from nodes.states import NodeState
from pki.core.findings import Finding


@dataclass(frozen=True)
class RegisterPage:
    """The results of the checks. If `refused`, one of them, or a field, blocked the registration."""

    findings: Sequence[Finding]
    refused: bool


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
