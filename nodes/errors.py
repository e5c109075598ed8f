"""Errors of nodes.

NodesError
├── InputInvalid           invalid input, by field
├── RegistrationBlocked    a check blocks the registration; nothing changed (web.errors.Blocked)
├── ChoiceBlocked          a check blocks the choice of a browser certificate
├── IllegalNodeTransition  the table of states does not allow the change
│   └── PasswordForgotten  the same request started a registration, whose password is not stored any more
├── StaleNode              another worker was first
└── NodeUnreachable        the node did not answer as expected; `permanent` means that another attempt is useless
"""

from web import errors
from web.errors import Blocked, SecretShownOnce


class NodesError(Exception):
    """Any error of nodes."""


class InputInvalid(errors.InputInvalid, NodesError):
    """Invalid input for a node or one of its objects."""


class RegistrationBlocked(Blocked, NodesError):
    """A check blocks the registration."""


class ChoiceBlocked(Blocked, NodesError):
    """Browsers would not accept this certificate from this node."""


class IllegalNodeTransition(NodesError):
    """The table of states does not allow this change."""


class PasswordForgotten(SecretShownOnce, IllegalNodeTransition):
    """The request has already started a registration, whose password is not stored any more."""


class StaleNode(NodesError):
    """Another worker changed the node first."""


class NodeUnreachable(NodesError):
    """The node did not answer as expected. The text says what happened."""

    def __init__(self, text: str, *, permanent: bool = False) -> None:
        super().__init__(text)
        self.permanent = permanent
