"""Shared by all pages of the console: the actor, permissions, and numbers in addresses."""

import logging
import uuid
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from functools import cache, lru_cache, wraps
from typing import Concatenate, ParamSpec, cast
from urllib.parse import urlsplit

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import render
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRefresh
from django_htmx.middleware import HtmxDetails

from attention.once import facts_once
from audit.actors import Actor, PermissionRefused
from pki.core.errors import UnknownKey
from sealing.errors import ZoneBroken, ZoneMissing
from web.refusals import refused

log = logging.getLogger(__name__)
P = ParamSpec("P")
SAFE_METHODS = ("GET", "HEAD")
METHODS = (*SAFE_METHODS, "POST")


class PageRequest(HttpRequest):
    """A request of a signed-in person."""

    actor: Actor
    htmx: HtmxDetails


def back_to(request: HttpRequest) -> str:
    """The address to continue at after the sign-in. If the request sent a form, that is the page of the form."""
    referrer = request.headers.get("Referer", "")
    if request.method == "POST" and url_has_allowed_host_and_scheme(
        referrer, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        parts = urlsplit(referrer)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path
    return request.get_full_path()


def page(
    permission: str,
) -> Callable[[Callable[Concatenate[PageRequest, P], HttpResponseBase]], Callable[Concatenate[HttpRequest, P], HttpResponseBase]]:
    """Require a signed-in person with `permission`, or anybody who has signed in if it is "". A refusal by a service becomes the 403 page, a broken trust zone the 503 page, with the remedy."""

    def decorate(view: Callable[Concatenate[PageRequest, P], HttpResponseBase]) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
        @wraps(view)
        def inner(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if request.method not in METHODS:
                return HttpResponseNotAllowed(METHODS)
            asked = cast(PageRequest, request)
            if not asked.user.is_authenticated:
                # htmx would insert the sign-in form into its part of the page, so it must load the whole page again.
                return HttpResponseClientRefresh() if asked.htmx else redirect_to_login(back_to(asked))
            try:
                if permission:
                    asked.actor.require(permission)
                with facts_once() if request.method in SAFE_METHODS else nullcontext():
                    return view(asked, *args, **kwargs)
            except PermissionRefused as exc:
                refused(asked, exc)
                raise PermissionDenied(str(exc)) from exc
            except (ZoneMissing, ZoneBroken, UnknownKey) as exc:
                log.warning("%s: %s", asked.path, exc)
                return render(asked, "503.html", {"reason": str(exc)}, status=503)

        inner.permission = permission  # type: ignore[attr-defined]
        return inner

    return decorate


@cache
def _permissions() -> dict[str, str]:
    """The permission that each page requires, by the name of its address."""
    found: dict[str, str] = {}

    def collect(patterns: Iterable[URLPattern | URLResolver], before: str) -> None:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                collect(pattern.url_patterns, f"{before}{pattern.namespace}:" if pattern.namespace else before)
            elif pattern.name:
                found[before + pattern.name] = getattr(pattern.callback, "permission", "")

    collect(get_resolver().url_patterns, "")
    return found


def may_open(actor: Actor, name: str) -> bool:
    """Whether `actor` may open the page whose address has this name. Raises: KeyError for a name that does not exist."""
    required = _permissions()[name]
    return not required or actor.has_perm(required)


def may_open_path(actor: Actor, path: str) -> bool:
    """The same for the path of a page, with or without a query."""
    return may_open(actor, _name_of(urlsplit(path).path))


@lru_cache(maxsize=4096)  # the rows of a list are drawn again and again
def _name_of(path: str) -> str:
    return resolve(path).view_name


def number(request: HttpRequest, name: str) -> int | None:
    """The number that the address gives as `name`; None if it gives none that is valid."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def form_id(request: PageRequest) -> uuid.UUID:
    """The idempotency key of the form: the one that was sent, or a new one."""
    try:
        return uuid.UUID(request.POST.get("request", ""))
    except ValueError:
        return uuid.uuid4()
