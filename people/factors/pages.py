"""The pages of one's own second factors."""

import json
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from people.factors.forms import AppForm, NameForm, PasskeyForm
from people.factors.passkeys import creation_options, possible_at
from people.factors.qr import qr_path
from people.factors.services import (
    KINDS,
    app_add,
    factor_remove,
    factor_rename,
    factors_of,
    grouped,
    key_begin,
    key_of,
    passkey_add,
    recovery_codes_left,
    recovery_codes_make,
)  # fmt: skip
from people.sign_in.fresh_sign_in import fresh_sign_in
from people.sign_in.sessions import must_add_factor
from web.errors import InputInvalid
from web.page import PageRequest, page

ANYBODY = ""
METHODS = ["GET", "HEAD", "POST"]
COLUMNS = ("Name", "Kind", "Added", "Last use", "Action")
DONE = {"added": "Second factor added.", "renamed": "Name saved.", "removed": "Second factor removed."}


@dataclass(frozen=True)
class FactorLine:
    """One second factor in the list."""

    factor: Authenticator
    name: str
    kind: str


@dataclass(frozen=True)
class FactorsPage:
    """The second factors of a person. `is_required` says that nothing else can be done before one is added."""

    lines: list[FactorLine]
    has_app: bool
    codes_left: int
    is_required: bool
    passkeys_possible: bool
    message: str
    columns = COLUMNS


def line_of(factor: Authenticator) -> FactorLine:
    return FactorLine(factor, factor.data["name"], KINDS[factor.type])


@require_safe
@page(ANYBODY)
def factors(request: PageRequest) -> HttpResponse:
    user = cast(User, request.user)
    lines = [line_of(factor) for factor in factors_of(user)]
    has_app = any(line.factor.type == Authenticator.Type.TOTP for line in lines)
    message = DONE.get(request.GET.get("done", ""), "")
    shown = FactorsPage(lines, has_app, recovery_codes_left(user), must_add_factor(request), possible_at(request), message)
    return render(request, "people/factors/factors.html", {"page": shown})


@require_http_methods(METHODS)
@sensitive_post_parameters("key", "code")
@page(ANYBODY)
@fresh_sign_in
def app(request: PageRequest) -> HttpResponse:
    """Show the key of a new authenticator app, and add the app when its first code is right."""
    user = cast(User, request.user)
    form = AppForm(request.POST) if request.method == "POST" else None
    if form and form.is_valid():
        given = form.cleaned_data
        try:
            key = key_of(user, given["key"])
            codes = app_add(actor=request.actor, user=user, name=given["name"], key=key, code=given["code"], now=timezone.now())
        except InputInvalid as exc:
            form.refuse(exc)
        else:
            return _added(request, codes)
    try:
        signed = (form["key"].value() or "") if form else ""
        key = key_of(user, signed)
    except InputInvalid:
        key, signed = key_begin(user)
    url = get_adapter().build_totp_url(user, key)
    size, path = qr_path(url)
    context = {
        "form": form or AppForm(initial={"key": signed}), "signed": signed, "url": url, "size": size, "path": path,
        "key": " ".join(key[at : at + 4] for at in range(0, len(key), 4)),
    }  # fmt: skip
    return _once(render(request, "people/factors/app.html", context, status=400 if form else 200))


@require_http_methods(METHODS)
@page(ANYBODY)
@fresh_sign_in
def passkey(request: PageRequest) -> HttpResponse:
    """Add a passkey. The browser makes it."""
    user, form = cast(User, request.user), PasskeyForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        return _added(
            request, passkey_add(actor=request.actor, user=user, name=given["name"], credential=given["credential"], now=timezone.now())
        )
    possible = possible_at(request)
    context = {"form": form, "possible": possible, "options": json.dumps(creation_options(user)) if possible else ""}
    return render(request, "people/factors/passkey.html", context, status=400 if form.errors else 200)


@require_http_methods(METHODS)
@page(ANYBODY)
@fresh_sign_in
def recovery_codes(request: PageRequest) -> HttpResponse:
    """Make recovery codes, after a question."""
    user, refusal = cast(User, request.user), ""
    if request.method == "POST":
        try:
            return _codes_shown(request, recovery_codes_make(actor=request.actor, user=user, now=timezone.now()))
        except InputInvalid as exc:
            refusal = str(exc)
    context = {"left": recovery_codes_left(user), "refusal": refusal}
    return render(request, "people/factors/recovery_codes.html", context, status=400 if refusal else 200)


@require_http_methods(METHODS)
@page(ANYBODY)
@fresh_sign_in
def rename(request: PageRequest, pk: int) -> HttpResponse:
    factor = _own(request, pk)
    form = NameForm(request.POST if request.method == "POST" else None, initial={"name": factor.data["name"]})
    if request.method == "POST" and form.is_valid():
        factor_rename(actor=request.actor, factor=factor, name=form.cleaned_data["name"], now=timezone.now())
        return _done("renamed")
    return render(request, "people/factors/name.html", {"line": line_of(factor), "form": form}, status=400 if form.errors else 200)


@require_http_methods(METHODS)
@page(ANYBODY)
@fresh_sign_in
def remove(request: PageRequest, pk: int) -> HttpResponse:
    """Remove a second factor, after a question."""
    factor, refusal = _own(request, pk), ""
    if request.method == "POST":
        try:
            factor_remove(actor=request.actor, factor=factor, now=timezone.now())
            return _done("removed")
        except InputInvalid as exc:
            refusal = str(exc)
    is_last = not factors_of(factor.user).exclude(pk=factor.pk).exists()
    context = {"line": line_of(factor), "is_last": is_last, "refusal": refusal}
    return render(request, "people/factors/remove.html", context, status=400 if refusal else 200)


def _own(request: PageRequest, pk: int) -> Authenticator:
    """Raises: Http404."""
    return get_object_or_404(factors_of(cast(User, request.user)), pk=pk)


def _done(what: str) -> HttpResponse:
    return redirect(f"{reverse('people:factors')}?done={what}")


def _added(request: PageRequest, codes: list[str]) -> HttpResponse:
    return _codes_shown(request, codes) if codes else _done("added")


def _codes_shown(request: PageRequest, codes: list[str]) -> HttpResponse:
    """The only answer that has these codes, on the page and as a file."""
    text = "\n".join(
        (f"Recovery codes of {request.user.get_username()} for {request.get_host()}. Each works once.", "", *grouped(codes), "")
    )
    context = {"codes": grouped(codes), "file": f"data:text/plain;charset=utf-8,{quote(text)}"}
    return _once(render(request, "people/factors/codes_made.html", context))


def _once(answer: HttpResponse) -> HttpResponse:
    answer["Cache-Control"] = "no-store"
    return answer
