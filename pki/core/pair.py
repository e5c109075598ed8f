"""A certificate with its private key."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    private_key: bytes = field(repr=False)
