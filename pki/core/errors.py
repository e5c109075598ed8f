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
└── PfxRefused
"""


class PKIError(Exception):
    """Any error of the pure core."""


class InvalidName(PKIError):
    """A host name or alternative name that cannot stand in a certificate."""


class ProfileError(PKIError):
    """The request leaves what its profile allows."""


class LintError(PKIError):
    """The linter has findings; nothing was signed."""

    def __init__(self, findings: list[str]) -> None:
        super().__init__("not signed, the linter objects: " + "; ".join(findings))
        self.findings = findings


class DatabaseKeyError(PKIError):
    """The database key cannot be read out of a service certificate."""


class ExtensionMissing(DatabaseKeyError):
    """The certificate carries no database key, or a broken extension."""


class UnwrapFailed(DatabaseKeyError):
    """The private key does not open the extension."""


class UnknownAlgorithm(DatabaseKeyError):
    """The certificate names an algorithm that is not known here."""


class SealError(PKIError):
    """A sealed value does not open."""


class UnknownKey(SealError):
    """Sealed with a key that is not at hand."""


class Altered(SealError):
    """The value was changed, cut, or moved from another row."""


class KeyFileMalformed(PKIError):
    """The central key file is cut, altered, or another file."""


class PasswordMistyped(PKIError):
    """The check symbol does not fit: a typing error."""


class UploadRefused(PKIError):
    """What was uploaded cannot be used. `code` names why, `remedy` what to do, `field` the input that it is about."""

    def __init__(self, code: str, text: str, remedy: str, *, field: str = "files") -> None:
        super().__init__(f"{text} {remedy}")
        self.code, self.remedy, self.field = code, remedy, field


class ThumbprintInvalid(PKIError):
    """This names no certificate, whatever is left out of it."""


class PackageError(PKIError):
    """A registration package cannot be used."""


class PackageMalformed(PackageError):
    """Not a package of the one accepted form."""


class WrongPassword(PackageError):
    """The password, well typed, does not open the package."""


class PackageInvalid(PackageError):
    """The package opens, but its content does not hold together."""


class PeerRefused(PKIError):
    """The other side's certificate is not accepted."""


class NotValidNow(PeerRefused):
    """The clock here is outside what the certificate says: the certificate, or a clock, is wrong."""


class AnswerInvalid(PKIError):
    """The central node's answer to a report is outside its format."""


class ReportInvalid(PKIError):
    """A node's report is outside its format. `field` names what is wrong, "" where that is the whole report."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


class ReleaseUnknown(PKIError):
    """No release of the product, or two that do not make an upgrade."""


class ProofRefused(PKIError):
    """What a node signed does not prove that it holds the cluster key."""


class PfxRefused(PKIError):
    """A PFX cannot be made with this password, or not be opened."""
