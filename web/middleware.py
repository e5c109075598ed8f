"""Who asks, for every page; and what is said when the database takes nothing."""

import logging
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.functional import SimpleLazyObject

from audit.actors import Actor
from pki.exchange.problem import MEDIA_TYPE, problem
from web import database_problem

log = logging.getLogger(__name__)


def error(request: HttpRequest, template: str, *, slug: str, status: int, detail: str, **content: object) -> HttpResponse:
    """`template` for a person in a browser, problem details (RFC 9457) for everybody else."""
    if "text/html" in request.headers.get("Accept", ""):
        return render(request, template, content, status=status)
    return JsonResponse(problem(slug, status, detail) | {"errors": []}, status=status, content_type=MEDIA_TYPE)


def database_unavailable(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What is said while the database does not answer."""
    log.warning("database-unavailable in %r", request.path, exc_info=exception)
    what, remedy = database_problem.meaning(exception)
    detail = database_problem.detail(exception)
    return error(request, "database.html", slug="database-unavailable", status=503, detail=detail, what=what, remedy=remedy)


class ActorMiddleware:
    """Sets `request.actor` for whoever is signed in."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(lambda: Actor("user", request.user.get_username(), request.user))  # type: ignore[attr-defined]
        return self.get_response(request)


class DatabaseMiddleware:
    """A database that is full, locked, away or damaged is a 503 with its remedy, in pages and for nodes as in the API."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return database_unavailable(request, exception) if database_problem.is_unavailable(exception) else None
