"""Who asks, for every page."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from audit.actors import Actor


class ActorMiddleware:
    """Sets `request.actor` for whoever is signed in."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(lambda: Actor("user", request.user.get_username(), request.user))  # type: ignore[attr-defined]
        return self.get_response(request)
