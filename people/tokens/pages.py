"""Pages of tokens: parse, call a service, render."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from django.contrib.auth.models import User
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from people.accounts.services import roles_of
from people.models import ApiToken, Person
from people.tokens.forms import DaysForm, TokenForm
from people.tokens.lists import TokenList, state_of, tokens_readable
from people.tokens.models import Scope
from people.tokens.services import OTHERS, require_tokens, token_create, token_expiry_set, tokens_revoke
from web.errors import InputInvalid
from web.lists.listed import Listed
from web.page import PageRequest, page

OWN = "people.add_apitoken"
FOR = {"calendar": {"name": "calendar", "scopes": [Scope.CALENDAR]}}  # what `?for=` fills in


@dataclass(frozen=True)
class TokenPage:
    """One token, and those that were made with it and still work."""

    token: ApiToken
    state: str
    created: list[ApiToken]
    may_revoke: bool


@page(OWN)
def token_list(request: PageRequest) -> HttpResponseBase:
    return Listed(request, TokenList(), tokens_readable(request.actor), now=timezone.now()).page("people/tokens/list.html")


@page(OWN)
def create(request: PageRequest) -> HttpResponse:
    now, user = timezone.now(), cast(User, request.user)
    services = list(Person.objects.select_related("user").filter(is_service=True, user__is_active=True).order_by("user__username"))
    offered = services if request.actor.has_perm(OTHERS) else []
    form = TokenForm(
        request.POST or None, initial=FOR.get(request.GET.get("for", "")), user=user, service_accounts=offered, roles=roles_of(user)
    )
    if request.method == "POST" and form.is_valid():
        owner = next((person.user for person in offered if str(person.pk) == form.cleaned_data.get("owner")), user)
        try:
            row, token = token_create(actor=request.actor, owner=owner, now=now, **form.fields_of_token(now))
        except InputInvalid as exc:
            form.refuse(exc)
        else:
            answer = render(
                request,
                "people/tokens/made.html",
                {"token": row, "secret": token, "calendar": f"{request.build_absolute_uri('/expiry.ics')}?token={token}"},
            )
            answer["Cache-Control"] = "no-store"
            return answer
    return render(request, "people/tokens/new.html", {"form": form}, status=400 if form.errors else 200)


@page(OWN)
def detail(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    """Show the token, or give it an expiry date."""
    token, now = get_object_or_404(tokens_readable(request.actor), pk=pk), timezone.now()
    if request.method == "POST":
        require_tokens(request.actor, [token])
    form = DaysForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            token_expiry_set(actor=request.actor, token=token, expires_at=now + timedelta(days=form.cleaned_data["days"]), now=now)
            return redirect(f"{request.path}?saved")
        except InputInvalid as exc:
            form.refuse(exc)
    context = {"page": _token_page(request, token, now), "form": form, "now": now, "saved": "saved" in request.GET}
    return render(request, "people/tokens/token.html", context, status=400 if form.errors else 200)


@page(OWN)
def revoke(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    token, now = get_object_or_404(tokens_readable(request.actor), pk=pk), timezone.now()
    require_tokens(request.actor, [token])
    if request.method == "POST":
        tokens_revoke(actor=request.actor, tokens=[token], also_created="also_created" in request.POST, now=now)
        return redirect("people:token", token.pk)
    return render(request, "people/tokens/revoke.html", {"page": _token_page(request, token, now), "now": now})


def _token_page(request: PageRequest, token: ApiToken, now: datetime) -> TokenPage:
    created = list(ApiToken.objects.usable().select_related("user").filter(created_with=token).order_by("name", "pk"))
    may = token.user_id == request.user.pk or request.actor.has_perm(OTHERS)
    return TokenPage(token, state_of(token, now), created, may and token.revoked_at is None)
