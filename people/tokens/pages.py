"""Pages of tokens: parse, call a service, render."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from django.contrib.auth.models import User
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from people.accounts.services import roles_of
from people.models import ApiToken, Person
from people.tokens.forms import TokenForm
from people.tokens.lists import TokenList, state_of, tokens_readable
from people.tokens.models import Scope
from people.tokens.services import OTHERS, token_create, tokens_revoke
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
    token, now = get_object_or_404(tokens_readable(request.actor), pk=pk), timezone.now()
    return render(request, "people/tokens/token.html", {"page": _token_page(request, token, now), "now": now})


@page(OWN)
def revoke(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    token, now = get_object_or_404(tokens_readable(request.actor), pk=pk), timezone.now()
    if token.user_id != request.user.pk:
        request.actor.require(OTHERS)
    if request.method == "POST":
        tokens_revoke(actor=request.actor, tokens=[token], also_created="also_created" in request.POST, now=now)
        return redirect("people:token", token.pk)
    return render(request, "people/tokens/revoke.html", {"page": _token_page(request, token, now), "now": now})


def _token_page(request: PageRequest, token: ApiToken, now: datetime) -> TokenPage:
    created = list(ApiToken.objects.usable().select_related("user").filter(created_with=token).order_by("name", "pk"))
    may = token.user_id == request.user.pk or request.actor.has_perm(OTHERS)
    return TokenPage(token, state_of(token, now), created, may and token.revoked_at is None)
