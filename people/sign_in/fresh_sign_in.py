"""Pages with private keys ask the signed-in person for the password again."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from allauth.account.decorators import reauthentication_required
from allauth.core.exceptions import ReauthenticationRequired
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from web.page import PageRequest

P = ParamSpec("P")


@reauthentication_required  # type: ignore[untyped-decorator]
def _asked(request: HttpRequest) -> None:
    """Raises: ReauthenticationRequired, unless the person typed the password within the last minutes."""


def fresh_sign_in(view: Callable[Concatenate[PageRequest, P], HttpResponse]) -> Callable[Concatenate[PageRequest, P], HttpResponse]:
    """Ask for the password before `view`. A form that arrives too late must be filled in again: allauth would store it, with its passwords, in the session."""

    @wraps(view)
    def inner(request: PageRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            _asked(request)
        except ReauthenticationRequired:
            if request.method == "GET":
                raise
            return redirect(request.path)
        return view(request, *args, **kwargs)

    return inner
