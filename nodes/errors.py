"""Errors of nodes.

NodesError
├── InputInvalid           bad input, by field
├── RegistrationBlocked    a check blocks it; nothing changed (web.errors.Blocked)
├── ChoiceBlocked          the same, of a certificate for browsers
├── IllegalNodeTransition  the table does not allow it
├── StaleNode              another worker was first
└── NodeUnreachable        the node did not answer as it should; `permanent` says that trying again is no use
"""

from web import errors
from web.errors import Blocked


class NodesError(Exception):
    """Any error of nodes."""


class InputInvalid(errors.InputInvalid, NodesError):
    """The same as in the trust zone, of what belongs to nodes."""


class RegistrationBlocked(Blocked, NodesError):
    """A node cannot be registered so."""


class ChoiceBlocked(Blocked, NodesError):
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
