"""Errors of the trust zone about keys and encrypted values.

TrustZoneError
├── ZoneMissing   there is no trust zone yet
└── ZoneBroken    its store or keys cannot be read
"""

from pki.core.commands import QMC


class TrustZoneError(Exception):
    """Base of all errors of the trust zone. The text is for a person."""


class ZoneMissing(TrustZoneError):
    """There is no trust zone yet."""

    def __init__(self) -> None:
        super().__init__(f"There is no trust zone yet. Run `{QMC} init` on the central node.")


class ZoneBroken(TrustZoneError):
    """The database has a trust zone, but its store or keys cannot be read."""
