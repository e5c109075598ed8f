"""Errors of the trust zone that concern keys and sealed values.

TrustZoneError
├── ZoneMissing   nothing founded yet
└── ZoneBroken    founded, but its store or keys cannot be read
"""

from pki.core.commands import QMC


class TrustZoneError(Exception):
    """Any error of the trust zone, in words for a person."""


class ZoneMissing(TrustZoneError):
    """There is no trust zone yet."""

    def __init__(self) -> None:
        super().__init__(f"There is no trust zone yet. Run `{QMC} init` on the central node.")


class ZoneBroken(TrustZoneError):
    """The database has a trust zone, but what it needs cannot be read."""
