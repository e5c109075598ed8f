"""Errors of the trust zone.

CertsError
├── ZoneMissing        nothing founded yet
├── ZoneBroken         founded, but its store or keys cannot be read
├── ClockDoubtful      nothing is done by itself while the central clock may be wrong
├── IllegalTransition  the certificate's table does not allow it
├── StaleCertificate   another worker was first
├── StaleDatabaseKey   another worker was first
├── StaleCentralKey    another worker was first
├── StaleExport        somebody else was first
├── RotationRefused    not now; says why and what to do
├── ArchiveGone        an export's files are no longer kept
└── InputInvalid       bad input, by field
"""


class CertsError(Exception):
    """Any error of the trust zone."""


class ZoneMissing(CertsError):
    """There is no trust zone yet."""

    def __init__(self) -> None:
        super().__init__("There is no trust zone yet. Run `python manage.py init` on the central node.")


class ZoneBroken(CertsError):
    """The trust zone stands in the database, but what it needs cannot be read."""


class ClockDoubtful(CertsError):
    """The central node's clock may be wrong: whatever it would sign now could be worthless."""


class IllegalTransition(CertsError):
    """The table of states does not allow this change."""


class StaleCertificate(CertsError):
    """Another worker changed the certificate first."""


class StaleDatabaseKey(CertsError):
    """Another worker changed the version first."""


class StaleCentralKey(CertsError):
    """Another worker changed the version first."""


class RotationRefused(CertsError):
    """A rotation cannot be started, paused or resumed now."""


class StaleExport(CertsError):
    """Somebody else changed the export first."""


class ArchiveGone(CertsError):
    """The files of an export are no longer kept, or not made yet."""


class InputInvalid(CertsError):
    """`errors` names each field with what is wrong and what to do."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__("; ".join(text for texts in errors.values() for text in texts))
        self.errors = errors
