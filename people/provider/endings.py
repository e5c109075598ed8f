"""How an attempt ends: a person is signed in or linked, a test has a result, or it failed."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from audit.actors import Actor
from audit.models import Outcome
from audit.record import record
from people.accounts.services import roles_of
from people.provider.attempt import Attempt, attempt_here
from people.provider.failures import SignInFailed
from people.provider.identity import person_of, person_sign_in, refusal, role_plan, roles_mapped
from people.provider.links import link_own
from people.provider.models import provider_enabled
from people.provider.services import PERMISSION
from people.provider.tokens import LEEWAY, Claims
from people.sign_in.guessing import count_key, counted, network_of
from web.errors import InputInvalid
from web.middleware import address_of, error

SIGN_IN, LINK, TEST, AGAIN = "login", "link", "test", "again"
RESULT = "provider_test"  # in the session of the RootAdmin who tests
MOST_RECORDED, MOST_RECORDED_OF_ADDRESS = 20, 5  # of each kind in five minutes
REFUSED = 403
FRESH = timedelta(minutes=5)  # how old a sign-in at the provider may be


def ended(request: HttpRequest, login: SocialLogin) -> HttpResponse | None:
    """The identity is proved. Returns the answer if nobody is to be signed in. Raises: SignInFailed."""
    attempt, process = attempt_here(request), login.state["process"]
    assert attempt.claims is not None
    if process == TEST and not request.user.has_perm(PERMISSION):  # the role was taken away meanwhile
        raise SignInFailed("state-unknown")
    if process == TEST:
        return _tested(request, attempt, attempt.claims)
    if provider_enabled() is None:
        raise SignInFailed("provider-disabled")
    if process == LINK:
        return _linked(request, attempt, attempt.claims, login.state)
    if process == AGAIN:
        return _again(request, attempt, attempt.claims, login)
    person = person_sign_in(attempt.row, attempt.claims, now=timezone.now())
    login.user, login.account = person.user, SocialAccount.objects.get(provider=attempt.row.issuer, uid=attempt.claims.subject)
    login.state["second_factor"] = attempt.row.checks_second_factor
    return None


def _linked(request: HttpRequest, attempt: Attempt, claims: Claims, state: Mapping[str, Any]) -> HttpResponse:
    user = request.user
    if not isinstance(user, User) or user.pk != state["data"]["user"]:
        raise SignInFailed("state-unknown")
    try:
        link_own(user=user, row=attempt.row, subject=claims.subject, now=timezone.now())
    except InputInvalid as exc:
        raise SignInFailed("link-refused", str(exc)) from exc
    return redirect(reverse("provider:own") + "?linked")


def _again(request: HttpRequest, attempt: Attempt, claims: Claims, login: SocialLogin) -> HttpResponse:
    """A fresh sign-in of the person who is signed in. The provider was asked to ask for it, and says when it did."""
    person, now = person_of(attempt.row, claims.subject), timezone.now()
    if person is None or person.user != request.user:
        raise SignInFailed("another-person", identifier=claims.subject, groups=claims.groups)
    if claims.asked_at is not None and not now.timestamp() - claims.asked_at <= (FRESH + LEEWAY).total_seconds():  # also NaN
        raise SignInFailed("not-fresh")
    record_authentication(request, person.user, "socialaccount", reauthenticated=True, provider=attempt.row.issuer, uid=claims.subject)
    return redirect(login.get_redirect_url(request) or "overview")


def _tested(request: HttpRequest, attempt: Attempt, claims: Claims) -> HttpResponse:
    """Say what a sign-in would do. Nothing changes. Raises: SignInFailed."""
    row, mapped = attempt.row, roles_mapped(attempt.row, claims.groups)
    rows = [f"{one['group']} gives {one['role']}" for one in row.roles if one["group"] in claims.groups]
    attempt.done("Roles", f"{'; '.join(rows)}." if rows else "None of these groups has a role.")
    person = person_of(row, claims.subject)
    roles = role_plan(person, mapped).after(roles_of(person.user)) if person else mapped
    if exc := refusal(row, claims, person, roles):
        raise exc
    what = f"{person} would sign in" if person else f"The person {claims.name} would be created and sign in"
    attempt.done("Result", f"{what}, with the roles: {', '.join(roles)}. Nothing was changed, and nobody was signed in.")
    return _result(request, attempt, None)


def _result(request: HttpRequest, attempt: Attempt, exc: SignInFailed | None) -> HttpResponse:
    """Keep the result of a test for the page that shows it."""
    failing = [{"level": "blocker", "title": exc.failure.title, "remedy": exc.detail or exc.failure.text}] if exc else []
    request.session[RESULT] = {"steps": attempt.steps + failing, "failed": bool(exc), "at": timezone.now().isoformat()}
    return redirect("provider:test")


def failed(request: HttpRequest, exc: SignInFailed, state: Mapping[str, Any] | None) -> HttpResponse:
    """The answer to a failure, which is recorded. The failure of a test is its result."""
    attempt, user = attempt_here(request), request.user
    if state and state["process"] == TEST and user.has_perm(PERMISSION):
        return _result(request, attempt, exc)
    _record(request, attempt, exc)
    return failure_page(request, exc)


def failure_page(request: HttpRequest, exc: SignInFailed) -> HttpResponse:
    failure = exc.failure
    answer = error(
        request, "people/provider/failed.html", slug=exc.code, status=failure.status, detail=exc.summary, failure=failure, groups=exc.groups,
        identifier=exc.identifier, reason=exc.detail if exc.code == "link-refused" else "",
    )  # fmt: skip
    answer["Cache-Control"] = "no-store"
    return answer


def _record(request: HttpRequest, attempt: Attempt, exc: SignInFailed) -> None:
    """Record a failure, if there were not too many of this kind: a stranger can cause some of them."""
    address, now = address_of(request), timezone.now()
    limits = {
        count_key("provider", exc.code): MOST_RECORDED,
        count_key("provider", exc.code, network_of(address)): MOST_RECORDED_OF_ADDRESS,
    }
    if counted(limits, now=now) is not None:
        return
    claims = attempt.claims
    person = person_of(attempt.row, claims.subject) if claims else None
    detail = {"address": address, "means": [attempt.row.issuer], "code": exc.code, "reason": (exc.detail or exc.failure.text)[:500]}
    if claims:
        detail["identifier"] = claims.subject
    actor = Actor("user", str(person), person.user) if person else Actor("provider", attempt.row.name)
    outcome = Outcome.REFUSED if exc.failure.status == REFUSED else Outcome.FAILED
    record(actor=actor, action="person.sign-in", target=person or attempt.row, detail=detail, outcome=outcome, now=now)
