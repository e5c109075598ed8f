"""The API's frame: tokens, problem details (RFC 9457), paging."""

import logging
from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import DataError
from django.http import Http404, HttpResponse, UnreadablePostError
from django.utils import timezone
from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication, exceptions
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from audit.actors import PermissionRefused
from certs.errors import (
    IllegalTransition,
    InputInvalid,
    RotationRefused,
    StaleCertificate,
    StaleDatabaseKey,
    StaleExport,
    ZoneBroken,
    ZoneMissing,
)
from nodes.errors import Blocked, ChoiceBlocked, IllegalNodeTransition, RegistrationBlocked, StaleNode
from pki.errors import UnknownKey
from pki.json_text import json_read
from pki.problem import MEDIA_TYPE, problem
from qmc import database_problem
from qmc.models import ApiToken
from qmc.names import ApiOriginCheck, refusal_detail
from qmc.services.tokens import token_digest

log = logging.getLogger(__name__)
UNEXPECTED = "Something unexpected happened. The console's log has it; try again, then report it."

# The one table: error class → status, type.
PROBLEMS: dict[type[Exception], tuple[int, str]] = {
    InputInvalid: (400, "invalid"),
    RegistrationBlocked: (409, "registration-blocked"),
    ChoiceBlocked: (409, "choice-blocked"),
    IllegalNodeTransition: (409, "not-now"),
    IllegalTransition: (409, "not-now"),
    StaleNode: (409, "changed-meanwhile"),
    StaleCertificate: (409, "changed-meanwhile"),
    StaleDatabaseKey: (409, "changed-meanwhile"),
    StaleExport: (409, "changed-meanwhile"),
    RotationRefused: (409, "not-now"),
    PermissionRefused: (403, "permission-refused"),
    PermissionDenied: (403, "permission-refused"),
    ZoneMissing: (503, "no-trust-zone"),
    ZoneBroken: (503, "trust-zone-broken"),
    UnknownKey: (503, "trust-zone-broken"),
    DataError: (400, "invalid"),
    Http404: (404, "not-found"),
    SuspiciousOperation: (400, "malformed"),
    UnreadablePostError: (400, "malformed"),
    exceptions.ParseError: (400, "malformed"),
    exceptions.ValidationError: (400, "invalid"),
    exceptions.NotAuthenticated: (401, "not-authenticated"),
    exceptions.AuthenticationFailed: (401, "not-authenticated"),
    exceptions.PermissionDenied: (403, "permission-refused"),
    exceptions.NotFound: (404, "not-found"),
    exceptions.MethodNotAllowed: (405, "method-not-allowed"),
    exceptions.NotAcceptable: (406, "not-acceptable"),
    exceptions.UnsupportedMediaType: (415, "unsupported-media-type"),
}

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
    found = next((PROBLEMS[kind] for kind in type(exc).__mro__ if kind in PROBLEMS), None)
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


class StrictJSONParser(JSONParser):
    """JSON in UTF-8, whatever its Content-Type says (RFC 8259, section 8.1)."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            return json_read(stream.read())
        except ValueError as exc:
            raise exceptions.ParseError(f"The body is not JSON: {exc}") from exc


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Token …`"""

    def authenticate(self, request: Request) -> tuple[Any, ApiToken] | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "token":
            return None
        row = ApiToken.objects.select_related("user").filter(digest=token_digest(token.strip()), user__is_active=True).first()
        if row is None:
            raise exceptions.AuthenticationFailed("This token is not known. Make one with `manage.py create_token`.")
        if row.expired(timezone.now()):
            raise exceptions.AuthenticationFailed(
                f"This token, {row.name}, expired on {row.expires_at:%Y-%m-%d %H:%M} UTC. Make another with `manage.py create_token`."
            )
        return row.user, row

    def authenticate_header(self, request: Request) -> str:
        return "Token"


class SessionAuthentication(authentication.SessionAuthentication):
    """Whoever is signed in to the console."""

    def enforce_csrf(self, request: Request) -> None:
        check = ApiOriginCheck(lambda _: HttpResponse())
        check.process_request(request)
        if reason := check.process_view(request, None, (), {}):  # type: ignore[arg-type]
            raise exceptions.PermissionDenied(refusal_detail(request, str(reason)))


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema tells of tokens."""

    target_class, name = TokenAuthentication, "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": "`Token …`, made by `manage.py create_token`"}


class ConsoleSessionScheme(SessionScheme):  # type: ignore[no-untyped-call]
    """How the schema tells of sessions: as of Django's own."""

    target_class = "qmc.api.SessionAuthentication"
