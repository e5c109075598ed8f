"""Errors of bulk work.

BulkError
├── ActionUnknown          there is no such action, or it is not one of lists
├── ItemRefused            an action cannot be done to one row; the text says why, and what to do
├── IllegalBulkTransition  the table of states does not allow the change
├── StaleBulk              another worker was first
├── RequestReused          the same request began another action
└── SecretsGone            its secrets were shown already, or deleted
"""


class BulkError(Exception):
    """Any error of bulk work."""


class ActionUnknown(BulkError):
    """There is no action with this name."""


class ItemRefused(BulkError):
    """The action cannot be done to this row."""


class IllegalBulkTransition(BulkError):
    """The table of states does not allow this change."""


class StaleBulk(BulkError):
    """Another worker was first."""


class RequestReused(BulkError):
    """The same ID of a request began another action."""


class SecretsGone(BulkError):
    """The secrets were shown already, or were deleted."""
