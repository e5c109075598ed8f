"""Errors of requests: the input is invalid, or a check blocks the request."""

from collections.abc import Sequence

from pki.core.findings import Finding
from sealing.errors import TrustZoneError


class InputInvalid(TrustZoneError):
    """`errors` maps each field to messages, which say what is wrong and what to do."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__("; ".join(text for texts in errors.values() for text in texts))
        self.errors = errors


class Blocked(Exception):
    """`findings` has the results of all checks. At least one blocks."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(" ".join(finding.title for finding in findings if finding.level == "blocker"))
        self.findings = list(findings)
