"""Errors of requests: the input is invalid, a check blocks the request, or one of its headers refuses it."""

from collections.abc import Mapping, Sequence
from typing import Any

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


class RequestRefused(TrustZoneError):
    """The request is refused because of one of its headers. The answer has further `members` and `headers`."""

    def __init__(self, text: str, *, members: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.members, self.headers = dict(members or {}), dict(headers or {})


class VersionChanged(RequestRefused):
    """The thing does not have the version that `If-Match` names."""


class TooManyRequests(RequestRefused):
    """The token has sent as many requests as it may."""


class KeyReused(RequestRefused):
    """Another request has had the same `Idempotency-Key`."""


class RequestInProgress(RequestRefused):
    """The first request with this `Idempotency-Key` is still in progress."""


class AnswerLost(RequestRefused):
    """The first request with this `Idempotency-Key` changed something, and its answer was lost."""


class SecretShownOnce(RequestRefused):
    """The answer to the first request with this `Idempotency-Key` had a secret, which is not kept."""
