"""Middleware of pages and API: the id, the address and the actor of a request, addresses of the API, and the answer while the database is unavailable."""

import logging
import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import SimpleLazyObject

from audit.actors import Actor
from audit.request import request_began
from pki.core.addresses import client_address
from web import database_problem
from web.problems import problem_register, problem_response

log = logging.getLogger(__name__)
REQUEST_ID = "X-Request-Id"
CLIENTS_ID = re.compile(r"[A-Za-z0-9._:=+/-]{1,128}")
problem_register(405, "method-not-allowed")


def address_of(request: HttpRequest) -> str:
    """The address of the client, from its connection. Headers are ignored."""
    return client_address(request.META.get("REMOTE_ADDR", ""))


def error(request: HttpRequest, template: str, *, slug: str, status: int, detail: str, **content: object) -> HttpResponse:
    """`template` for browsers, except for paths of the API. Problem details (RFC 9457) for all others."""
    if "text/html" in request.headers.get("Accept", "") and not is_api(request.path_info):
        return render(request, template, content, status=status)
    return problem_response(slug, status, detail)


def is_api(path: str) -> bool:
    """Whether a path belongs to the API, even if there is nothing at it."""
    return f"{path}/".startswith("/api/")


def database_unavailable(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The answer while the database is unavailable."""
    log.warning("database-unavailable in %r", request.path, exc_info=exception)
    what, remedy = database_problem.meaning(exception)
    detail = database_problem.detail(exception)
    return error(request, "database.html", slug="database-unavailable", status=503, detail=detail, what=what, remedy=remedy)


class RequestMiddleware:
    """Give each request an id. Its audit events have it, and the address of the client.

    Every answer has the headers that the request was given on its way (`answer_headers`), such as those of the limit of its token.

    The answer has the id in `X-Request-Id`, or the client's own id if that is valid. Then the log has both. Events never have the client's, which anybody can choose.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        own, given = str(uuid.uuid4()), request.headers.get(REQUEST_ID, "")
        is_valid = CLIENTS_ID.fullmatch(given) is not None
        request.request_id = own  # type: ignore[attr-defined]
        with request_began(id=own, address_of_client=address_of(request)):
            if is_valid:
                log.info("request %s has the id %s of its client", own, given)
            answer = self.get_response(request)
        for name, value in {REQUEST_ID: given if is_valid else own, **getattr(request, "answer_headers", {})}.items():
            answer[name] = value
        return answer


class ApiMiddleware:
    """Accept addresses of the API without their last slash, and answer 405 with problem details that name the allowed methods."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not is_api(request.path_info):
            return self.get_response(request)
        if not request.path_info.endswith("/"):  # a redirect would lose the body
            request.path_info, request.path = f"{request.path_info}/", f"{request.path}/"
        answer = self.get_response(request)
        if answer.status_code != 405:
            return answer
        allowed = answer["Allow"]
        problem = problem_response("method-not-allowed", 405, f"This address does not take the method {request.method}. Use: {allowed}.")
        problem["Allow"] = allowed
        return problem


class ActorMiddleware:
    """Set `request.actor` to the signed-in person."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(lambda: Actor("user", request.user.get_username(), request.user))  # type: ignore[attr-defined]
        return self.get_response(request)


class DatabaseMiddleware:
    """Answer 503 with a remedy if the database is full, locked, unreachable or damaged, for pages, nodes and the API."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return database_unavailable(request, exception) if database_problem.is_unavailable(exception) else None
