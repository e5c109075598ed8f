"""The pages of the provider: its settings and their test, the way there and back, and links of people."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from allauth.socialaccount.internal.statekit import STATE_TTL
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from people.accounts.lists import people_shown
from people.models import Person
from people.provider.adapter import ProviderAdapter
from people.provider.attempt import attempt_begin
from people.provider.endings import AGAIN, FRESH, LINK, RESULT, SIGN_IN, TEST, failed, failure_page
from people.provider.failures import SignInFailed
from people.provider.flow import Exchange
from people.provider.forms import LinkForm, ProviderForm
from people.provider.links import link_by_administrator, link_remove, link_remove_own, links_of
from people.provider.models import IdentityProvider, provider_current, provider_enabled
from people.provider.services import PERMISSION, provider_save
from people.sign_in.fresh_sign_in import fresh_sign_in
from pki.core.errors import SealError
from sealing.errors import TrustZoneError
from web.errors import InputInvalid
from web.page import PageRequest, page

ANYBODY, CHANGE_PERSON = "", "people.change_person"


@dataclass(frozen=True)
class ProviderPage:
    """The settings page. `provider` is as it was saved, None before that. `redirect_uri` is what the provider must know."""

    provider: IdentityProvider | None
    redirect_uri: str
    saved: bool


@dataclass(frozen=True)
class TestPage:
    """The result of a test sign-in: its steps as findings. If it failed, the last one says why."""

    provider: IdentityProvider
    steps: list[dict[str, str]] = field(default_factory=list)
    failed: bool = False
    at: datetime | None = None


@dataclass(frozen=True)
class LinkPage:
    """The links of one person. `refusal` says why something was not done."""

    person: Person
    provider: IdentityProvider | None
    links: list[SocialAccount]
    linked: bool = False
    refusal: str = ""


@sensitive_post_parameters("client_secret")
@page(PERMISSION)
def settings(request: PageRequest) -> HttpResponse:
    row = provider_current()
    form = ProviderForm(request.POST if request.method == "POST" else None, provider=row)
    if request.method == "POST" and _saved(request, form):
        return redirect(reverse("provider:settings") + "?saved")
    uri = request.build_absolute_uri(reverse("provider:callback"))
    shown = ProviderPage(row, uri, "saved" in request.GET and request.method == "GET")
    return render(request, "people/provider/settings.html", {"page": shown, "form": form}, status=form.status)


def _saved(request: PageRequest, form: ProviderForm) -> bool:
    """Whether the settings were saved. If not, the form has the reason."""
    if form.is_valid():
        try:
            provider_save(actor=request.actor, now=timezone.now(), **form.settings())
            return True
        except InputInvalid as exc:
            form.refuse(exc)
        except (TrustZoneError, SealError) as exc:
            form.add_error(None, f"The client secret cannot be encrypted now, so nothing was saved. {exc}")
    return False


@page(PERMISSION)
def test(request: PageRequest) -> HttpResponse:
    """Begin a test sign-in, or show the result of the last one in this session."""
    row = provider_current()
    if row is None:
        return redirect("provider:settings")
    if request.method == "POST":
        return _leave(request, row, TEST)
    result: dict[str, Any] = request.session.get(RESULT) or {}
    at = datetime.fromisoformat(result["at"]) if result else None
    shown = TestPage(row, result.get("steps", []), result.get("failed", False), at)
    return render(request, "people/provider/test.html", {"page": shown, "now": timezone.now()})


@require_POST
def begin(request: HttpRequest) -> HttpResponse:
    """Begin a sign-in. It needs none before it."""
    row = provider_enabled()
    if row is None:
        return failure_page(request, SignInFailed("provider-disabled"))
    return _leave(request, row, SIGN_IN, _following(request))


def _following(request: HttpRequest) -> str:
    """The address to continue at, if it is here."""
    address = request.POST.get("next") or request.GET.get("next") or ""
    return address if url_has_allowed_host_and_scheme(address, allowed_hosts={request.get_host()}, require_https=True) else ""


@page(ANYBODY)
def again(request: PageRequest) -> HttpResponse:
    """A person who has no password signs in with the provider again."""
    row, following = provider_enabled(), _following(request)
    if request.method == "POST" and row:
        asking = {"prompt": "login", "max_age": str(int(FRESH.total_seconds()))}
        return _leave(request, row, AGAIN, following, asking)
    return render(request, "people/provider/again.html", {"provider": row, "following": following})


@require_safe
@never_cache
def callback(request: HttpRequest) -> HttpResponse:
    """The person comes back from the provider."""
    row = provider_current()
    if row is None:
        return failure_page(request, SignInFailed("provider-disabled"))
    attempt_begin(request, row)
    try:
        return cast(HttpResponse, OAuth2CallbackView.adapter_view(Exchange(request))(request))
    except SignInFailed as exc:  # before allauth has the state: the secret cannot be decrypted
        return failed(request, exc, None)


def _leave(
    request: HttpRequest, row: IdentityProvider, process: str, following: str = "", asking: dict[str, str] | None = None
) -> HttpResponse:
    """A page that leads to the provider. A form may not be redirected to another site: the Content-Security-Policy forbids it."""
    attempt_begin(request, row)
    state = {"process": process, "data": {"user": request.user.pk}}
    try:
        answer = ProviderAdapter(request).get_provider(request).redirect(request, next_url=following, auth_params=asking, **state)
    except SignInFailed as exc:
        return failed(request, exc, state)
    if not request.user.is_authenticated:
        request.session.set_expiry(STATE_TTL)
    page_there = render(request, "people/provider/leave.html", {"url": answer.url, "provider": row})
    page_there["Cache-Control"] = "no-store"
    return page_there


@page(ANYBODY)
@fresh_sign_in
def own(request: PageRequest) -> HttpResponse:
    """Link one's own account, or remove the link."""
    user, row, refusal = cast(User, request.user), provider_enabled(), ""
    if request.method == "POST" and "remove" in request.POST:
        try:
            link_remove_own(user=user, now=timezone.now())
            return redirect("account_login")
        except InputInvalid as exc:
            refusal = str(exc)
    elif request.method == "POST" and row:
        return _leave(request, row, LINK)
    elif request.method == "POST":
        refusal = "No provider is enabled."
    shown = LinkPage(user.person, row, links_of(user), "linked" in request.GET, refusal)
    return render(request, "people/provider/own.html", {"page": shown}, status=400 if refusal else 200)


@page(CHANGE_PERSON)
@fresh_sign_in
def person(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    """Link a person, or remove the link."""
    found, form = get_object_or_404(people_shown(), pk=pk), LinkForm(request.POST if request.method == "POST" else None)
    back = redirect(reverse("people:person", args=[found.pk]) + "?done=saved")
    if request.method == "POST" and "remove" in request.POST:
        link_remove(actor=request.actor, person=found, now=timezone.now())
        return back
    if request.method == "POST" and _linked(request, found, form):
        return back
    shown = LinkPage(found, provider_current(), links_of(found.user))
    return render(request, "people/provider/person.html", {"page": shown, "form": form}, status=form.status)


def _linked(request: PageRequest, found: Person, form: LinkForm) -> bool:
    """Whether the link was made. If not, the form has the reason."""
    if form.is_valid():
        try:
            link_by_administrator(actor=request.actor, person=found, now=timezone.now(), **form.cleaned_data)
            return True
        except InputInvalid as exc:
            form.refuse(exc)
    return False
