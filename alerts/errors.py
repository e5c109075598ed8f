"""Errors of alerts.

AlertsError
├── InputInvalid            invalid input for a channel, a route, a rule or an acknowledgement, by field
├── IllegalAlertTransition  the table of states does not allow the change
├── StaleAlert              another process changed the alert or the delivery first
└── NotSent                 a channel did not accept a message
"""

from web import errors


class AlertsError(Exception):
    """Any error of alerts."""


class InputInvalid(errors.InputInvalid, AlertsError):
    """Invalid input for alerts."""


class IllegalAlertTransition(AlertsError):
    """The table of states does not allow this change."""


class StaleAlert(AlertsError):
    """Another process was first."""


class NotSent(AlertsError):
    """A channel did not accept a message. The text says why, and what to do. `may_have_arrived`: the receiver may have it all the same."""

    def __init__(self, text: str, *, may_have_arrived: bool = False) -> None:
        super().__init__(text)
        self.may_have_arrived = may_have_arrived
