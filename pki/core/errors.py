"""Errors of the pure core.

PKIError
├── InvalidName
├── ProfileError         the request leaves its profile
├── LintError            the certificate would not pass the linter
├── DatabaseKeyError
│   ├── ExtensionMissing
│   ├── UnwrapFailed
│   └── UnknownAlgorithm
├── SealError
│   ├── UnknownKey
│   └── Altered
├── KeyFileMalformed     the central key file is not of its form
├── PasswordMistyped
├── UploadRefused        certificate files that cannot be used
├── ThumbprintInvalid
├── PackageError
│   ├── PackageMalformed
│   ├── WrongPassword
│   └── PackageInvalid
├── PeerRefused
│   └── NotValidNow
├── ReleaseUnknown
├── ReportInvalid        a node's report cannot be understood
├── ProofRefused
├── PfxRefused
├── EventMalformed       a line is not an event of an audit log
├── CheckpointMalformed  a line is not a checkpoint of this key, or does not follow from the one before it
└── ExportMalformed      a file is not an export of an audit log, or proves nothing
"""


class PKIError(Exception):
    """Any error of the pure core."""


class InvalidName(PKIError):
    """A host name or alternative name that a certificate cannot have."""


class ProfileError(PKIError):
    """The request is not allowed by its profile."""


class LintError(PKIError):
    """The linter has findings, so nothing was signed."""

    def __init__(self, findings: list[str]) -> None:
        super().__init__("not signed, the linter objects: " + "; ".join(findings))
        self.findings = findings


class DatabaseKeyError(PKIError):
    """The database key cannot be read from a service certificate."""


class ExtensionMissing(DatabaseKeyError):
    """The certificate has no database key, or its extension is damaged."""


class UnwrapFailed(DatabaseKeyError):
    """The private key does not decrypt the extension."""


class UnknownAlgorithm(DatabaseKeyError):
    """The certificate names an unknown algorithm."""


class SealError(PKIError):
    """A sealed value cannot be decrypted."""


class UnknownKey(SealError):
    """The value was sealed with a key that is not available."""


class Altered(SealError):
    """The value was changed, shortened, or moved from another row."""


class KeyFileMalformed(PKIError):
    """The central key file was shortened or changed, or is another file."""


class PasswordMistyped(PKIError):
    """The password was mistyped: its check symbol is wrong."""


class UploadRefused(PKIError):
    """An uploaded file cannot be used. `code` is the reason, `remedy` says what to do, `field` is the input."""

    def __init__(self, code: str, text: str, remedy: str, *, field: str = "files") -> None:
        super().__init__(f"{text} {remedy}")
        self.code, self.remedy, self.field = code, remedy, field


class ThumbprintInvalid(PKIError):
    """The text is not a thumbprint."""


class PackageError(PKIError):
    """A registration package cannot be used."""


class PackageMalformed(PackageError):
    """The file is not a package in the accepted format."""


class WrongPassword(PackageError):
    """The password has the right form, but does not open the package."""


class PackageInvalid(PackageError):
    """The package opens, but its content is inconsistent."""


class PeerRefused(PKIError):
    """The certificate of the peer is refused."""


class NotValidNow(PeerRefused):
    """A certificate is not valid at this time: the certificate or a clock is wrong."""


class AnswerInvalid(PKIError):
    """The central node's answer to a report has the wrong format."""


class ReportInvalid(PKIError):
    """A node's report has the wrong format. `field` is the wrong field, "" for the whole report."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


class ReleaseUnknown(PKIError):
    """A release that does not exist, or two releases that are not an upgrade."""


class ProofRefused(PKIError):
    """The signature of a node does not prove that it has the cluster key."""


class PfxRefused(PKIError):
    """A PFX cannot be made with this password, or cannot be read."""


class EventMalformed(PKIError):
    """A line of a file is not an event of an audit log."""


class CheckpointMalformed(PKIError):
    """A line is not a checkpoint of this key, or does not follow from the one before it. `line` is its number, if it is one of several."""

    def __init__(self, text: str, *, line: int = 0) -> None:
        super().__init__(text)
        self.line = line


class ExportMalformed(PKIError):
    """A file is not an export of an audit log, or was changed so that it proves nothing. `line` is the number of the wrong line, 0 for the whole file."""

    def __init__(self, text: str, *, line: int = 0) -> None:
        super().__init__(text)
        self.line = line
