"""Holders of certificates. Their rooms register functions that find them."""

import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from certs.models import Certificate


@dataclass(frozen=True)
class Holder:
    """The holder of a certificate: its kind and name in words, and the address of its page."""

    kind: str
    name: str
    url: str


Finder = Callable[[Collection[uuid.UUID]], Mapping[uuid.UUID, Holder]]
_finders: list[Finder] = []


def holder_register(finder: Finder) -> Finder:
    """Register a finder: it returns those holders of its kind that have one of these ids. One query."""
    _finders.append(finder)
    return finder


def holders_of(certificates: Collection[Certificate]) -> dict[uuid.UUID, Holder]:
    """The holders that have a page, by their id. One query for each kind of holder."""
    ids = {certificate.holder_id for certificate in certificates if certificate.holder_id}
    return {pk: holder for finder in _finders for pk, holder in finder(ids).items()} if ids else {}


def holder_of(certificate: Certificate) -> Holder | None:
    """The holder, if it has a page."""
    return next(iter(holders_of([certificate]).values()), None)
