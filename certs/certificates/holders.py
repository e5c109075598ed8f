"""For what a certificate was made, where that is no node: the rooms that hold certificates register how they are found."""

from collections.abc import Callable
from dataclasses import dataclass

from certs.models import Certificate


@dataclass(frozen=True)
class Holder:
    """What holds a certificate: its kind and name in words, and the address of its page."""

    kind: str
    name: str
    url: str


Finder = Callable[[Certificate], Holder | None]
_finders: list[Finder] = []


def holder_register(finder: Finder) -> Finder:
    """Register a finder: it returns the holder of a certificate, or None if the certificate is not of its kind."""
    _finders.append(finder)
    return finder


def holder_of(certificate: Certificate) -> Holder | None:
    """What holds it, where that has a page of its own; a node's name is in the certificate's row."""
    return next((found for each in _finders if (found := each(certificate))), None)
