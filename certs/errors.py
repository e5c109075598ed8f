"""Errors of the trust zone.

TrustZoneError (sealing.errors, with ZoneMissing and ZoneBroken)
├── ClockDoubtful      nothing is done by itself while the central clock may be wrong
├── IllegalTransition  the certificate's table does not allow it
├── StaleCertificate   another worker was first
├── StaleDatabaseKey   another worker was first
├── StaleCentralKey    another worker was first
├── StaleExport        somebody else was first
├── RotationRefused    not now; says why and what to do
├── NamesTaken         other nodes or exports have names that were asked for (certs.names.services)
├── ArchiveGone        an export's files are no longer kept
└── InputInvalid       bad input, by field (web.errors)
"""

from sealing.errors import TrustZoneError


class ClockDoubtful(TrustZoneError):
    """The central node's clock may be wrong: whatever it would sign now could be worthless."""


class IllegalTransition(TrustZoneError):
    """The table of states does not allow this change."""


class StaleCertificate(TrustZoneError):
    """Another worker changed the certificate first."""


class StaleDatabaseKey(TrustZoneError):
    """Another worker changed the version first."""


class StaleCentralKey(TrustZoneError):
    """Another worker changed the version first."""


class RotationRefused(TrustZoneError):
    """A rotation cannot be started, paused or resumed now."""


class StaleExport(TrustZoneError):
    """Somebody else changed the export first."""


class ArchiveGone(TrustZoneError):
    """The files of an export are no longer kept, or not made yet."""
