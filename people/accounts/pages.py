"""Pages of people: parse, call a service, render."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from people.accounts.forms import LinkForm, NewPersonForm, RolesForm
from people.accounts.links import VALID, person_of_link
from people.accounts.lists import PersonList, identifier_of, people_shown, state_of
from people.accounts.services import (
    link_use,
    person_change,
    person_create,
    person_factors_reset,
    person_link,
    person_sign_out,
    roles_of,
    tokens_of,
)
from people.factors.services import factor_kinds
from people.models import ApiToken, Person
from people.sign_in.fresh_sign_in import fresh_sign_in
from web.errors import InputInvalid
from web.lists.listed import Listed
from web.page import PageRequest, page

VIEW, CHANGE = "people.view_person", "people.change_person"
HOURS = int(VALID.total_seconds() // 3600)


@dataclass(frozen=True)
class PersonPage:
    """One account, with its tokens that work. `message` says what was just done, `refusal` why something was not."""

    person: Person
    state: str
    roles: Sequence[str]
    tokens: list[ApiToken]
    message: str = ""
    refusal: str = ""

    @property
    def identifier(self) -> str:
        return identifier_of(self.person)


DONE = {
    "saved": "Saved.",
    "deactivated": "Deactivated. All sessions have ended, and the tokens of this account are refused.",
    "activated": "Activated. Sessions and links of before do not come back.",
    "signed-out": "Signed out everywhere.",
    "factors-reset": "Second factors removed. All sessions have ended.",
}


@page(VIEW)
def person_list(request: PageRequest) -> HttpResponseBase:
    return Listed(request, PersonList(), people_shown(), now=timezone.now()).page("people/accounts/list.html")


@page(CHANGE)
def create(request: PageRequest) -> HttpResponse:
    form = NewPersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            person, link = person_create(actor=request.actor, now=timezone.now(), **form.cleaned_data)
        except InputInvalid as exc:
            form.refuse(exc)
        else:
            return _link_shown(request, person, link) if link else redirect("people:person", person.pk)
    return render(request, "people/accounts/new.html", {"form": form}, status=form.status)


@page(VIEW)
def detail(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    person = get_object_or_404(people_shown(), pk=pk)
    form = RolesForm(request.POST if request.method == "POST" else None, person=person)
    if request.method == "POST" and form.is_valid():
        try:
            person_change(actor=request.actor, person=person, roles=form.all_roles(), now=timezone.now())
            return redirect(f"{request.path}?done=saved")
        except InputInvalid as exc:
            form.refuse(exc)
    return _shown(request, person, form)


def _shown(request: PageRequest, person: Person, form: RolesForm) -> HttpResponse:
    message = DONE.get(request.GET.get("done", ""), "") if request.method == "GET" else ""
    shown = PersonPage(person, state_of(person), roles_of(person.user), list(tokens_of(person)), message)
    context = {"page": shown, "form": form, "now": timezone.now()}
    return render(request, "people/accounts/person.html", context, status=form.status)


@page(CHANGE)
def activity(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    """Deactivate after a question, or activate."""
    person = get_object_or_404(people_shown(), pk=pk)
    to_active, refusal = not person.user.is_active, ""
    if request.method == "POST":
        try:
            person_change(actor=request.actor, person=person, is_active=to_active, now=timezone.now())
            return redirect(_page_of(person, "activated" if to_active else "deactivated"))
        except InputInvalid as exc:
            refusal = str(exc)
    shown = PersonPage(person, state_of(person), roles_of(person.user), list(tokens_of(person)), refusal=refusal)
    return render(request, "people/accounts/activity.html", {"page": shown, "now": timezone.now()}, status=400 if refusal else 200)


@require_POST
@page(CHANGE)
def link_new(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    person = get_object_or_404(people_shown(), pk=pk)
    return _link_shown(request, person, person_link(actor=request.actor, person=person, now=timezone.now()))


@require_http_methods(["GET", "HEAD", "POST"])
@page(CHANGE)
@fresh_sign_in
def factors_reset(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    """Remove the second factors of a person, after a question."""
    person = get_object_or_404(people_shown(), pk=pk)
    kinds = factor_kinds(person.user)
    if request.method == "POST" and kinds:
        person_factors_reset(actor=request.actor, person=person, now=timezone.now())
        return redirect(_page_of(person, "factors-reset"))
    return render(request, "people/accounts/second_factors.html", {"person": person, "kinds": kinds})


@require_POST
@page(CHANGE)
def sign_out(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    person = get_object_or_404(people_shown(), pk=pk)
    person_sign_out(actor=request.actor, person=person, now=timezone.now())
    return redirect(_page_of(person, "signed-out"))


def _page_of(person: Person, done: str) -> str:
    return f"{reverse('people:person', args=[person.pk])}?done={done}"


def _link_shown(request: PageRequest, person: Person, path: str) -> HttpResponse:
    """The only answer that has the link."""
    answer = render(request, "people/accounts/link_made.html", {"person": person, "link": request.build_absolute_uri(path), "hours": HOURS})
    answer["Cache-Control"] = "no-store"
    return answer


@sensitive_post_parameters("password", "again")
def link(request: HttpRequest, secret: str) -> HttpResponse:
    """The page that a one-time link opens. It needs no sign-in."""
    now, form = timezone.now(), LinkForm(request.POST if request.method == "POST" else None)
    person = person_of_link(secret, now=now)
    if person and request.method == "POST" and form.is_valid():
        try:
            person = link_use(secret=secret, password=form.cleaned_data["password"], now=now)
        except InputInvalid as exc:
            form.refuse(exc)
        else:
            if person:
                return redirect("account_login")
    status = 400 if form.errors else 200 if person else 410
    answer = render(request, "people/accounts/link.html", {"person": person, "form": form}, status=status)
    answer["Cache-Control"] = "no-store"
    return answer
