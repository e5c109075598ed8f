"""Errors of nodes.

NodesError
├── InputInvalid           bad input, by field
├── Blocked                a check blocks it; nothing changed
│   ├── RegistrationBlocked
│   └── ChoiceBlocked
├── IllegalNodeTransition  the table does not allow it
├── StaleNode              another worker was first
└── NodeUnreachable        the node did not answer as it should; `permanent` says that trying again is no use
"""

from collections.abc import Sequence

from certs import errors
from pki.findings import Finding


class NodesError(Exception):
    """Any error of nodes."""


class InputInvalid(errors.InputInvalid, NodesError):
    """The same as in the trust zone, of what belongs to nodes."""


class Blocked(NodesError):
    """`findings` holds every check; at least one blocks."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(" ".join(each.title for each in findings if each.level == "blocker"))
        self.findings = list(findings)


class RegistrationBlocked(Blocked):
    """A node cannot be registered so."""


class ChoiceBlocked(Blocked):
    """No browser would take this certificate from this node."""


class IllegalNodeTransition(NodesError):
    """The table of states does not allow this change."""


class StaleNode(NodesError):
    """Another worker changed the node first."""


class NodeUnreachable(NodesError):
    """What happened when the node was dialled."""

    def __init__(self, text: str, *, permanent: bool = False) -> None:
        super().__init__(text)
        self.permanent = permanent
