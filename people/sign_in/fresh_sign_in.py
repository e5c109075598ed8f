"""Before dangerous acts, the console asks the person who has signed in again: for the password, a code, a passkey, or another sign-in with the provider."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast
from urllib.parse import urlencode

from allauth.account import app_settings
from allauth.account.decorators import reauthentication_required
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.flows.reauthentication import get_reauthentication_flows
from allauth.core.exceptions import ReauthenticationRequired
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from web.page import PageRequest
from web.problems import problem_register

P = ParamSpec("P")


class FreshSignInRequired(Exception):
    """The person who has signed in was not asked again within the last minutes."""

    def __init__(self) -> None:
        super().__init__(
            f"Confirm who you are on the page {reverse('account_reauthenticate')}, then repeat the request within five minutes."
        )


problem_register(403, "fresh-sign-in-required", FreshSignInRequired)


def _is_asked_at_provider(request: HttpRequest) -> bool:
    """Whether the person signs in with the provider only, which allauth never asks again, and did so too long ago."""
    user = cast(User, request.user)
    if get_reauthentication_flows(user) or not SocialAccount.objects.filter(user=user).exists():
        return False
    again = [one["at"] for one in get_authentication_records(request, user) if one.get("reauthenticated")]
    return not again or time.time() - again[-1] >= app_settings.REAUTHENTICATION_TIMEOUT


@reauthentication_required  # type: ignore[untyped-decorator]
def _asked(request: HttpRequest) -> None:
    """Raises: ReauthenticationRequired, unless the person was asked within the last minutes."""


def fresh_sign_in(view: Callable[Concatenate[PageRequest, P], HttpResponse]) -> Callable[Concatenate[PageRequest, P], HttpResponse]:
    """Ask again before `view`. A form that arrives too late must be filled in again: allauth would store it, with its passwords, in the session."""

    @wraps(view)
    def inner(request: PageRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            _asked(request)
        except ReauthenticationRequired:
            if request.method == "GET":
                raise
            return redirect(request.path)
        if _is_asked_at_provider(request):
            following = urlencode({"next": request.path}) if request.method == "GET" else ""
            return redirect(f"{reverse('provider:again')}?{following}" if following else request.path)
        return view(request, *args, **kwargs)

    return inner


def fresh_sign_in_required(request: HttpRequest) -> None:
    """The same for an operation of the API that a session asks for. Raises: FreshSignInRequired."""
    try:
        _asked(request)
    except ReauthenticationRequired as exc:
        raise FreshSignInRequired from exc
    if _is_asked_at_provider(request):
        raise FreshSignInRequired
