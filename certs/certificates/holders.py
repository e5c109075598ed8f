"""Holders of certificates that are not nodes. Their rooms register functions that find them."""

from collections.abc import Callable
from dataclasses import dataclass

from certs.models import Certificate


@dataclass(frozen=True)
class Holder:
    """The holder of a certificate: its kind and name in words, and the address of its page."""

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
    """The holder, if it has a page. For nodes, the row of the certificate has the name."""
    return next((found for finder in _finders if (found := finder(certificate))), None)
