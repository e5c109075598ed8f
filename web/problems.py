"""Errors as problem details (RFC 9457). Each app registers its own classes with status and type."""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import DataError
from django.http import Http404, JsonResponse, UnreadablePostError
from rest_framework import exceptions
from rest_framework.settings import api_settings

from audit.actors import PermissionRefused
from pki.core.errors import UnknownKey
from pki.exchange.problem import MEDIA_TYPE, FieldError, problem
from sealing.errors import ZoneBroken, ZoneMissing
from web import database_problem
from web.errors import (
    AnswerLost,
    Blocked,
    InputInvalid,
    KeyReused,
    RequestInProgress,
    RequestRefused,
    SecretShownOnce,
    TooManyRequests,
    VersionChanged,
)
from web.refusals import refused

log = logging.getLogger(__name__)
UNEXPECTED = "An unexpected error occurred. The log of the console has the details. Try again. If the error stays, report it."
_problems: dict[type[Exception], tuple[int, str]] = {}
_types: dict[str, int] = {}


def problem_register(status: int, slug: str, *errors: type[Exception]) -> None:
    """Answer errors of these classes with `status` and the type `slug`. Without a class, it only makes the type known.

    Raises: ValueError for a class that is already registered, and for a type with two statuses.
    """
    if _types.setdefault(slug, status) != status:
        raise ValueError(f"{slug} has the status {_types[slug]} already")
    for error in errors:
        if error in _problems:
            raise ValueError(f"{error!r} is registered already")
        _problems[error] = status, slug


def problem_types(*, without: type[Exception]) -> dict[str, int]:
    """The types of all problems, each with its status, without those of errors of this class."""
    left_out = {slug for error, (_, slug) in _problems.items() if issubclass(error, without)}
    return {slug: status for slug, status in _types.items() if slug not in left_out}


problem_register(400, "invalid", InputInvalid, DataError, exceptions.ValidationError)
problem_register(400, "malformed", SuspiciousOperation, UnreadablePostError, exceptions.ParseError)
problem_register(401, "not-authenticated", exceptions.NotAuthenticated, exceptions.AuthenticationFailed)
problem_register(403, "permission-refused", PermissionRefused, PermissionDenied, exceptions.PermissionDenied)
problem_register(404, "not-found", Http404, exceptions.NotFound)
problem_register(406, "not-acceptable", exceptions.NotAcceptable)
problem_register(409, "request-in-progress", RequestInProgress)
problem_register(409, "answer-lost", AnswerLost)
problem_register(409, "secret-shown-once", SecretShownOnce)
problem_register(412, "version-changed", VersionChanged)
problem_register(415, "unsupported-media-type", exceptions.UnsupportedMediaType)
problem_register(422, "key-reused", KeyReused)
problem_register(429, "too-many-requests", TooManyRequests)
problem_register(503, "no-trust-zone", ZoneMissing)
problem_register(500, "internal")
problem_register(503, "database-unavailable")
problem_register(503, "trust-zone-broken", ZoneBroken, UnknownKey)

# For exceptions whose own text does not suit clients.
DETAILS: dict[type[Exception], str] = {
    Http404: "There is no such object. Check the identifier.",
    DataError: "A value is too long or cannot be stored. Nothing was changed. Shorten it, or remove its special characters.",
}
MOST_IN_DETAIL = 5


def problem_response(slug: str, status: int, detail: str, errors: Sequence[FieldError] = (), **members: object) -> JsonResponse:
    """An error as problem details. `members` are further members."""
    return JsonResponse(problem(slug, status, detail, errors) | members, status=status, content_type=MEDIA_TYPE)


def _of_input(detail: Any, *path: str) -> Iterator[FieldError]:
    """The errors of a serializer, at any depth."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from _of_input(inner, *path, *([] if name == api_settings.NON_FIELD_ERRORS_KEY else [str(name)]))
    elif isinstance(detail, list):
        for number, item in enumerate(detail):
            yield from _of_input(item, *path, *([str(number)] if isinstance(item, dict) else []))
    else:
        yield FieldError(".".join(path), detail.code, str(detail))


def _errors(exc: Exception) -> list[FieldError]:
    if isinstance(exc, InputInvalid):
        return [FieldError(field, "invalid", text) for field, texts in exc.errors.items() for text in texts]
    if isinstance(exc, Blocked):
        blocking = [finding for finding in exc.findings if finding.level == "blocker"]
        return [FieldError(finding.field, finding.code, f"{finding.title} {finding.remedy}".strip()) for finding in blocking]
    return [*_of_input(exc.detail)] if isinstance(exc, exceptions.ValidationError) else []


def _known(exc: Exception) -> tuple[int, str] | None:
    """Status and type. None for an unexpected error."""
    if database_problem.is_unavailable(exc):
        return 503, "database-unavailable"
    found = next((_problems[kind] for kind in type(exc).__mro__ if kind in _problems), None)
    return found or ((exc.status_code, "refused") if isinstance(exc, exceptions.APIException) else None)


def _detail(exc: Exception) -> str:
    if database_problem.is_unavailable(exc):
        return database_problem.detail(exc)
    if isinstance(exc, exceptions.ValidationError):
        return " ".join(f"{error.field}: {error.message}" if error.field else error.message for error in _errors(exc)[:MOST_IN_DETAIL])
    return next((text for kind, text in DETAILS.items() if isinstance(exc, kind)), None) or str(exc)


def refusal_of(exc: Exception) -> str | None:
    """The sentences of an error that a person can do something about, with the remedies of all checks. None for an unexpected error, and while the database is unavailable."""
    found = _known(exc)
    return None if found is None or found[0] >= 500 else _sentences(exc)


def _sentences(exc: Exception) -> str:
    return " ".join(error.message for error in _errors(exc)) if isinstance(exc, Blocked) else _detail(exc)


def in_words(exc: Exception, where: str) -> tuple[int, str]:
    """The status of any error, and its sentences with the remedies of all checks. An unexpected one is logged and gets a fixed text."""
    found = _known(exc)
    if found is None:
        log.error("unexpected error in %s", where, exc_info=exc)
        return 500, UNEXPECTED
    if found[0] >= 500:
        log.warning("%s in %s: %s", found[1], where, exc)
    return found[0], _sentences(exc)


def problem_handler(exc: Exception, context: dict[str, Any]) -> JsonResponse:
    """Answer any error with problem details. An unregistered class becomes a 500 with a fixed text."""
    if isinstance(exc, PermissionRefused):
        refused(context["request"], exc)
    found = _known(exc)
    if found is None:
        log.error("unexpected error in %s", context["view"], exc_info=exc)
        status, slug, detail = 500, "internal", UNEXPECTED
    else:
        (status, slug), detail = found, _detail(exc)
    if status >= 500 and found:
        log.warning("%s in %s: %s", slug, context["view"], exc)
    refusal = exc if isinstance(exc, RequestRefused) else RequestRefused("")
    findings = {"findings": [vars(finding) for finding in exc.findings]} if isinstance(exc, Blocked) else {}
    answer = problem_response(slug, status, detail, _errors(exc), **findings, **refusal.members)
    for name, value in refusal.headers.items():
        answer[name] = value
    if status == 401:
        answer["WWW-Authenticate"] = "Bearer"
    return answer
