"""What the page that registers a node shows."""

from collections.abc import Sequence
from dataclasses import dataclass

from pki.core.findings import Finding


@dataclass(frozen=True)
class RegisterPage:
    """The results of the checks. If `refused`, one of them, or a field, blocked the registration."""

    findings: Sequence[Finding]
    refused: bool
