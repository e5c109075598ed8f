"""The thing that an address of the API is about, its version, and changes that require a version (RFC 9110, sections 8.8.3 and 13.1.1)."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from django.http import QueryDict
from django.urls import Resolver404, resolve
from rest_framework.request import Request
from rest_framework.utils.encoders import JSONEncoder

from audit.models import Event, Head
from audit.record import Targets, checked_events
from audit.request import request_id
from web.errors import InputInvalid, VersionChanged
from web.versions import lasting, version_of

T = TypeVar("T")
IF_MATCH, ANY = "If-Match", "*"
ETAG = r'(W/)?"[!#-~]*"'
IF_MATCH_FORM = rf"^(\*|{ETAG}(, *{ETAG})*)$"
COMPRESSED = "-gzip"
NO_ETAG = f"Give the ETag of an answer with its quotation marks, several with commas between them, or {ANY}."
CHANGED = "This was changed after you read it, so nothing was done. `current` has its present state. Decide again, then send the request with the ETag of this answer."
NO_VERSION = "This address has no version, so nothing was done. Send the request without If-Match."


@dataclass(frozen=True)
class Thing:
    """What an address answers to GET. `kwargs` are those of the address."""

    address: str
    view: Any
    kwargs: dict[str, Any]

    @property
    def output(self) -> Any:
        """The declared format of its answer."""
        return self.view.get.declared.output(200)

    def read(self, request: Request) -> Any:
        """Its present state, as the API answers it. Raises: PermissionRefused, Http404, or another error of the operation."""
        view = self.view()
        view.request, view.args, view.kwargs = request, (), self.kwargs
        return json.loads(json.dumps(self.view.get.declared.answer(view, QueryDict(), self.kwargs), cls=JSONEncoder))

    def etag(self, content: Any) -> str:
        """The ETag of `content`, if that has all of the declared format; otherwise ""."""
        fields = self.output.fields
        if not isinstance(content, dict) or any(field.required and name not in content for name, field in fields.items()):
            return ""
        return f'"{version_of(lasting({name: content[name] for name in fields if name in content}))}"'

    def changed(self, request: Request) -> VersionChanged:
        """The refusal, with the present state."""
        content = self.read(request)
        return VersionChanged(CHANGED, members={"current": content}, headers={"ETag": self.etag(content)})


def thing_at(address: str) -> Thing | None:
    """None if nothing, or a list, is at this address."""
    try:
        match = resolve(address)
    except Resolver404:
        return None
    view = getattr(match.func, "view_class", None)
    declared = getattr(getattr(view, "get", None), "declared", None)
    return Thing(address, view, match.kwargs) if declared and declared.has_version else None


def thing_of(address: str) -> Thing | None:
    """What a change at this address is about: what is there, or for an action what is above it."""
    return thing_at(address) or thing_at(f"{address.rstrip('/').rpartition('/')[0]}/")


def if_matches(request: Request, act: Callable[[], T]) -> T:
    """Do `act`, if the thing has a version that `If-Match` names. Raises: InputInvalid, VersionChanged."""
    given = request.headers.get(IF_MATCH)
    if given is None:
        return act()
    thing = thing_of(request.path_info)
    if not re.fullmatch(IF_MATCH_FORM, given):
        raise InputInvalid({IF_MATCH: [NO_ETAG]})
    if given == ANY:
        if thing:
            thing.read(request)
        return act()
    # The ETag of a compressed answer names the same version. A weak one matches none.
    wanted = {part.strip().replace(f'{COMPRESSED}"', '"') for part in given.split(",")}
    if thing is None:
        raise VersionChanged(NO_VERSION)
    since = Head.objects.values_list("sequence", flat=True).first() or 0
    if thing.etag(thing.read(request)) not in wanted:
        raise thing.changed(request)
    try:
        with _unchanged(thing, since):
            return act()
    except VersionChanged as exc:
        raise thing.changed(request) from exc


@contextmanager
def _unchanged(thing: Thing, since: int) -> Iterator[None]:
    """The first change in this block is undone if another request has changed the thing after event `since`. Every change has an event. Raises: VersionChanged."""
    own, pk, checked = request_id.get(), thing.kwargs.get("pk"), False

    def check(action: str, targets: Targets) -> None:
        nonlocal checked
        others = Event.objects.filter(sequence__gt=since).exclude(request_id=own)
        if not checked and others.filter(**{"target_id": pk} if pk else {"action": action}).exists():
            raise VersionChanged(CHANGED)
        checked = True

    with checked_events(check):
        yield
