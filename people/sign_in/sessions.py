"""Sessions end after a time without activity, and after a longest time. A first password is changed, and a required second factor added, before all else."""

import logging
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.contrib.sessions.backends.base import SessionBase, UpdateError
from django.contrib.sessions.models import Session
from django.db import DatabaseError
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from audit.actors import SYSTEM, Actor
from audit.record import record
from audit.request import CredentialKind, credential_use
from people.roles.backend import lacks_second_factor
from web import database_problem
from web.live import is_live
from web.middleware import database_unavailable, is_api
from web.problems import problem_register, problem_response

log = logging.getLogger(__name__)
IDLE, LONGEST, WRITTEN_EVERY = timedelta(minutes=60), timedelta(hours=12), timedelta(minutes=1)
BEGAN, SEEN, ENDED, INITIAL, ID = "began", "seen", "ended", "password_is_initial", "id"
ALWAYS = ("account_logout", "account_reauthenticate", "provider:begin")  # the second and third with what follows their addresses
SECOND_FACTOR_CHECKED = "provider_checked_second_factor"
problem_register(403, "password-change-required")
problem_register(403, "second-factor-required")
REASONS = {
    "idle": f"You were signed out after {int(IDLE.total_seconds() // 60)} minutes without activity.",
    "longest": f"You were signed out, because a session lasts at most {int(LONGEST.total_seconds() // 3600)} hours.",
}


class SessionMiddleware:
    """End sessions that are over, and lead to what must be done first."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            answer = _followed(request)
        except DatabaseError as exc:  # the session is read here, before any page
            if not database_problem.is_unavailable(exc):
                raise
            return database_unavailable(request, exc)
        return answer or self.get_response(request)


def _followed(request: HttpRequest) -> HttpResponse | None:
    """End the session if it is over. Returns the answer, if the request goes no further."""
    session = request.session
    if "_auth_user_id" not in session:
        return None
    now = timezone.now().timestamp()
    began, seen = session.get(BEGAN, 0), session.get(SEEN, 0)
    # A session that began in the future: the clock was set back. It may end late, by at most as much.
    ended = "longest" if now - began > LONGEST.total_seconds() else "idle" if now - seen > IDLE.total_seconds() else ""
    credential_use(CredentialKind.SESSION, session.setdefault(ID, str(uuid.uuid4())))
    if ended:
        session[ENDED] = ended
        logout(request)
        request.session[ENDED] = ended
        return None
    if not is_live(request) and abs(now - seen) > WRITTEN_EVERY.total_seconds():
        _seen(session, now)
    return _first(request)


def _seen(session: SessionBase, now: float) -> None:
    """Note the use. While the database takes no changes, the request goes on without it."""
    session[SEEN] = now
    try:
        session.save()
    except UpdateError:
        if not session.exists(str(session.session_key)):
            return  # it was ended meanwhile, which Django answers
        log.warning("the use of a session was not recorded")
    session.modified = False  # otherwise Django would save it again, and answer 400 if that fails


def _first(request: HttpRequest) -> HttpResponse | None:
    """Nothing else can be done before a password that the console wrote is changed, and a second factor that a role requires is added."""
    if request.session.get(INITIAL):
        target, slug, what = reverse("people:password"), "password-change-required", "Change your first password"
    elif must_add_factor(request):
        target, slug, what = reverse("people:factors"), "second-factor-required", "Your role requires a second factor. Add one"
    else:
        return None
    if request.path.startswith((target, *(reverse(name) for name in ALWAYS))):
        return None
    if is_api(request.path_info):
        return problem_response(slug, 403, f"{what} on the page {target}, then repeat the request.")
    return redirect(target)


def must_add_factor(request: HttpRequest) -> bool:
    """Whether a role requires a second factor that this person does not have, and the provider did not check one."""
    return lacks_second_factor(request.user) and not request.session.get(SECOND_FACTOR_CHECKED)


@receiver(user_logged_in)
def session_begin(request: HttpRequest, **_: Any) -> None:
    request.session.set_expiry(0)  # with the browser, also where the attempt to sign in had a time of its own
    request.session[BEGAN] = request.session[SEEN] = timezone.now().timestamp()
    request.session[ID] = str(uuid.uuid4())  # events have it. The session's key is a secret
    credential_use(CredentialKind.SESSION, request.session[ID])


@receiver(user_logged_out)
def session_end_record(request: HttpRequest, user: User | None, **_: Any) -> None:
    """Record that a person signed out, or that the session was over."""
    if user is None:
        return
    ended = request.session.get(ENDED)
    actor, detail = (SYSTEM, {"sessions": 1, "ended": ended}) if ended else (Actor("user", user.get_username(), user), {"sessions": 1})
    record(actor=actor, action="person.signed-out", target=user.person, detail=detail, now=timezone.now())


def checked_by_provider(signal_kwargs: Mapping[str, Any] | None) -> bool | None:
    """Whether a second factor at the provider counts for this sign-in. None: it is none with a provider. allauth hands over both kinds alike."""
    login = (signal_kwargs or {}).get("sociallogin")
    return None if login is None else bool(login.state["second_factor"])


def ended_reason(request: HttpRequest) -> str:
    """Why the last session of this browser ended by itself; "" if it did not."""
    return REASONS.get(request.session.get(ENDED, ""), "")


def sessions_forget(*, now: datetime) -> int:
    """Delete sessions that have expired. Returns how many rows."""
    return Session.objects.filter(expire_date__lt=now).delete()[0]
