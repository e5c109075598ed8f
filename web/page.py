"""Shared by all pages of the console: the actor, permissions, and numbers in addresses."""

import logging
import uuid
from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from typing import Concatenate, ParamSpec, cast
from urllib.parse import urlsplit

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRefresh
from django_htmx.middleware import HtmxDetails

from attention.once import facts_once
from audit.actors import Actor, PermissionRefused
from pki.core.errors import UnknownKey
from sealing.errors import ZoneBroken, ZoneMissing

log = logging.getLogger(__name__)
P = ParamSpec("P")
SAFE_METHODS = ("GET", "HEAD")


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
                raise PermissionDenied(str(exc)) from exc
            except (ZoneMissing, ZoneBroken, UnknownKey) as exc:
                log.warning("%s: %s", asked.path, exc)
                return render(asked, "503.html", {"reason": str(exc)}, status=503)

        return inner

    return decorate


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
