"""Errors of the QRS-compatible API. `qrs.problems` has their HTTP statuses.

QrsError
├── KeyRefused      the xrfkey of the address and the one of the header are not one valid key
├── FilterInvalid   the filter is no filter, too long, too deep, or names an unknown field
├── CallerRefused   the certificate may not call
├── NotHere         the address belongs to another product, or to nothing
├── WrongMethod     the address does not take the method; `allowed` has those that it takes
├── Changed         the object is not the one that was read any more
├── ExportFailed    an export could not be made
├── TooLarge        the body is too large
└── StillRunning    the work goes on after the answer
"""


class QrsError(Exception):
    """Any error of this API."""


class KeyRefused(QrsError):
    """The xrfkey is missing, malformed or not the same in address and header."""


class FilterInvalid(QrsError):
    """The filter cannot be read. The text says where and why."""


class CallerRefused(QrsError):
    """The client certificate may not call."""


class NotHere(QrsError):
    """There is nothing at this address."""


class WrongMethod(QrsError):
    """The address does not take this method."""

    def __init__(self, method: str, allowed: str) -> None:
        super().__init__(f"This address does not take the method {method}. Use: {allowed}.")
        self.allowed = allowed


class Changed(QrsError):
    """Somebody changed the object since it was read."""


class ExportFailed(QrsError):
    """An export could not be made, or its folder could not be written."""


class TooLarge(QrsError):
    """The body is too large."""


class StillRunning(QrsError):
    """The work goes on after the answer."""
