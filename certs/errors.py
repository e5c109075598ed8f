"""Errors of the trust zone.

TrustZoneError (sealing.errors, with ZoneMissing and ZoneBroken)
├── ClockDoubtful      no automatic work while the central clock may be wrong
├── IllegalTransition  the table of states does not allow it
├── StaleCertificate   another worker was first
├── StaleDatabaseKey   another worker was first
├── StaleCentralKey    another worker was first
├── StaleExport        another request was first
├── RotationRefused    a rotation is not possible now
├── NamesTaken         other nodes or exports have the requested names (certs.names.services)
├── ExportRefused      an export calls that may not call, or not so
├── ArchiveGone        an export's files are no longer kept
└── InputInvalid       invalid input, by field (web.errors)
"""

from sealing.errors import TrustZoneError


class ClockDoubtful(TrustZoneError):
    """The central node's clock may be wrong, so certificates that it signs now could be invalid."""


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
    """Another request changed the export first."""


class ExportRefused(TrustZoneError):
    """An export calls the QRS-compatible API and may not: it has no role, or the role does not apply to this call."""


class ArchiveGone(TrustZoneError):
    """The files of an export were deleted, or are not made yet."""
