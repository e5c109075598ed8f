"""The endpoints. Each room registers its own with `endpoint`, and the door finds them by method and address."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from qrs.callers.services import Caller
from qrs.conventions.answers import Answer
from qrs.errors import NotHere, WrongMethod
from qrs.filters.fields import Field, query_of
from qrs.filters.grammar import Filter

ID, TYPE, NOTHING = "{id}", "{type}", uuid.UUID(int=0)
NOT_THIS_PRODUCT = (
    "There is nothing at this address. This console manages nodes and certificates: it has no apps, tasks, streams, users or failover. "
    "GET /qrs/about/api/description lists the addresses."
)
NO_SUCH_OBJECT = "There is no {} with this id."


@dataclass(frozen=True)
class Call:
    """A request to an endpoint. `id` and `type` are from the address, and `filter` from its parameters."""

    caller: Caller
    filter: Filter | None = None
    body: Any = None
    id: uuid.UUID = NOTHING
    type: str = ""

    def query(self, fields: dict[str, Field]) -> Q:
        """What the filter finds. Raises: FilterInvalid."""
        return query_of(self.filter, fields) if self.filter else Q()


@dataclass(frozen=True)
class Endpoint:
    """One method of one address. `takes_filter`: the address may have a filter. `public`: a node other than the central node may call it.
    `changes`: it changes something, though its method is GET, as in the original."""

    method: str
    address: str
    run: Callable[[Call], Answer]
    takes_filter: bool = False
    public: bool = False
    changes: bool = False

    @property
    def about(self) -> str:
        return (self.run.__doc__ or "").strip()


_endpoints: dict[tuple[str, ...], dict[str, Endpoint]] = {}


def endpoint(
    method: str, address: str, *, takes_filter: bool = False, public: bool = False, changes: bool = False
) -> Callable[[Callable[[Call], Answer]], Callable[[Call], Answer]]:
    """Register the decorated function. Raises: ValueError for a method of an address that is registered already."""

    def register(run: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        methods = _endpoints.setdefault(tuple(address.split("/")), {})
        if method in methods:
            raise ValueError(f"{method} {address} is registered already")
        methods[method] = Endpoint(method, address, run, takes_filter, public, changes)
        return run

    return register


def endpoints() -> Iterator[Endpoint]:
    """All endpoints, by address."""
    for address in sorted(_endpoints):
        yield from _endpoints[address].values()


def endpoint_find(method: str, address: str) -> tuple[Endpoint, dict[str, Any]]:
    """The endpoint and the parameters of an address without /qrs/. Raises: NotHere, WrongMethod."""
    segments = tuple(address.split("/"))
    for pattern in sorted(_endpoints):  # words before parameters: a brace comes after every letter
        given = _parameters(pattern, segments)
        if given is None:
            continue
        methods = _endpoints[pattern]
        found = methods.get("GET" if method == "HEAD" else method)
        if found is None:
            raise WrongMethod(method, ", ".join(sorted(methods)))
        return found, given
    raise NotHere(NOT_THIS_PRODUCT)


def _parameters(pattern: tuple[str, ...], segments: tuple[str, ...]) -> dict[str, Any] | None:
    """The parameters of an address. None if it does not have this pattern."""
    if len(pattern) != len(segments):
        return None
    given: dict[str, Any] = {}
    for expected, segment in zip(pattern, segments, strict=True):
        if expected == ID:
            try:
                given["id"] = uuid.UUID(segment)
            except ValueError:
                return None
        elif expected == TYPE:
            given["type"] = segment
        elif expected != segment:
            return None
    return given
