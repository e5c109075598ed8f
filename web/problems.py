"""Errors as problem details (RFC 9457): each app registers its own classes, with status and type."""

import logging
from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import DataError
from django.http import Http404, UnreadablePostError
from rest_framework import exceptions
from rest_framework.response import Response

from audit.actors import PermissionRefused
from pki.core.errors import UnknownKey
from pki.exchange.problem import MEDIA_TYPE, problem
from sealing.errors import ZoneBroken, ZoneMissing
from web import database_problem
from web.errors import Blocked, InputInvalid

log = logging.getLogger(__name__)
UNEXPECTED = "Something unexpected happened. The console's log has it; try again, then report it."
_problems: dict[type[Exception], tuple[int, str]] = {}


def problem_register(status: int, slug: str, *errors: type[Exception]) -> None:
    """Errors of these classes are answered with `status` and the type `slug`. Raises: ValueError for a class that is registered already."""
    for each in errors:
        if each in _problems:
            raise ValueError(f"{each!r} is registered already")
        _problems[each] = status, slug


problem_register(400, "invalid", InputInvalid, DataError, exceptions.ValidationError)
problem_register(400, "malformed", SuspiciousOperation, UnreadablePostError, exceptions.ParseError)
problem_register(401, "not-authenticated", exceptions.NotAuthenticated, exceptions.AuthenticationFailed)
problem_register(403, "permission-refused", PermissionRefused, PermissionDenied, exceptions.PermissionDenied)
problem_register(404, "not-found", Http404, exceptions.NotFound)
problem_register(405, "method-not-allowed", exceptions.MethodNotAllowed)
problem_register(406, "not-acceptable", exceptions.NotAcceptable)
problem_register(415, "unsupported-media-type", exceptions.UnsupportedMediaType)
problem_register(503, "no-trust-zone", ZoneMissing)
problem_register(503, "trust-zone-broken", ZoneBroken, UnknownKey)

# Where the exception's own text is no answer for a client.
DETAILS: dict[type[Exception], str] = {
    exceptions.ValidationError: "Some fields do not hold; see errors.",
    DataError: "A value is too long or cannot be stored. Nothing was changed. Shorten it, or remove its special characters.",
}


def _errors(exc: Exception) -> Any:
    if isinstance(exc, InputInvalid):
        return exc.errors
    if isinstance(exc, Blocked):
        return [vars(finding) for finding in exc.findings]
    return exc.detail if isinstance(exc, exceptions.ValidationError) else []


def _known(exc: Exception) -> tuple[int, str] | None:
    """Status and type; None for what nobody foresaw."""
    if database_problem.is_unavailable(exc):
        return 503, "database-unavailable"
    found = next((_problems[kind] for kind in type(exc).__mro__ if kind in _problems), None)
    return found or ((exc.status_code, "refused") if isinstance(exc, exceptions.APIException) else None)


def _detail(exc: Exception) -> str:
    if database_problem.is_unavailable(exc):
        return database_problem.detail(exc)
    return next((text for kind, text in DETAILS.items() if isinstance(exc, kind)), None) or str(exc)


def problem_handler(exc: Exception, context: dict[str, Any]) -> Response:
    """Every error as problem details; what is not in the table is a 500 with a fixed text."""
    found = _known(exc)
    if found is None:
        log.error("unexpected error in %s", context["view"], exc_info=exc)
        status, slug, detail = 500, "internal", UNEXPECTED
    else:
        (status, slug), detail = found, _detail(exc)
    if status >= 500 and found:
        log.warning("%s in %s: %s", slug, context["view"], exc)
    body = problem(slug, status, detail) | {"errors": _errors(exc)}
    if isinstance(exc, Blocked):
        body["findings"] = body["errors"]
    headers = {"WWW-Authenticate": "Token"} if status == 401 else {}
    return Response(body, status=status, content_type=MEDIA_TYPE, headers=headers)
