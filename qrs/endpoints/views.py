"""The door of this API, on both ports: read the request, find the endpoint, answer JSON or one text."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import set_urlconf
from django.utils import timezone
from rest_framework.exceptions import NotAuthenticated, ParseError
from rest_framework.request import Request

from audit.actors import PermissionRefused
from certs.errors import ExportRefused
from nodes.node_api.peer import fingerprint_of
from pki.core.json_text import json_read
from qrs.callers.services import Caller, caller_of
from qrs.conventions import claims
from qrs.conventions.answers import json_answer, text_answer
from qrs.conventions.xrfkey import PARAMETER, xrfkey_check
from qrs.endpoints.registry import Call, Endpoint, endpoint_find
from qrs.errors import CallerRefused, TooLarge, WrongMethod
from qrs.filters.grammar import Filter, filter_read
from web.api import View
from web.errors import InputInvalid
from web.middleware import address_of
from web.problems import in_words
from web.refusals import refused

FILTER, IGNORED = "filter", ("privileges",)
TOO_LARGE_ADDRESS = "too-large"
TOO_LARGE = "The body is too large. A request can have at most 1 MiB."
ONLY_ABOUT = (
    "The certificate of a node reads /qrs/about and its own status. Use the certificate of an export to which a RootAdmin gave a role."
)


class Qrs(View):
    """Any request under /qrs/. Subclasses say who calls."""

    http_method_names = ["get", "post", "put", "patch", "delete", "head", "options"]
    changes = False
    schema = None  # docs/develop/qrs.md describes it

    def caller(self, request: HttpRequest) -> Caller:
        """Raises: an error that is answered."""
        raise NotImplementedError

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Nothing is negotiated: the answer is JSON or text."""

    def run(self, request: Request, address: str = "") -> HttpResponse:
        if address == TOO_LARGE_ADDRESS:
            raise TooLarge(TOO_LARGE)
        xrfkey_check(request._request)
        caller = self.caller(request._request)
        found, given = endpoint_find(str(request.method), address)
        if caller.own is not None and not found.public:
            raise CallerRefused(ONLY_ABOUT)
        self.changes = found.changes
        call = Call(caller, _filter(request, found), _body(request), **given)
        return json_answer(found.run(call))

    get = post = put = patch = delete = run

    def options(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:  # type: ignore[override]
        return self.run(request, *args, **kwargs)

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]
        if isinstance(exc, PermissionRefused):
            refused(self.request, exc, changes=self.changes)
        answer = text_answer(*in_words(exc, "qrs"))
        if answer.status_code == 401:
            answer["WWW-Authenticate"] = "Bearer"
        if isinstance(exc, WrongMethod):
            answer["Allow"] = exc.allowed
        if isinstance(exc, (CallerRefused, ExportRefused)):
            answer["Connection"] = "close"  # so a connection from before a revocation ends with its next request
        return answer


class ConsoleQrs(Qrs):
    """On the port of the console: a token or a session."""

    def caller(self, request: HttpRequest) -> Caller:
        if not self.request.user.is_authenticated:
            raise NotAuthenticated(
                "Send a token as `Authorization: Bearer …`, or sign in to the console. Certificates are taken on port 4242."
            )
        return Caller(self.actor)


class NodeApiQrs(Qrs):
    """On port 4242: a client certificate of the trust zone."""

    authentication_classes = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Services make links to pages, which this port does not have. Django sets the addresses of this port again with each request."""
        set_urlconf(settings.CONSOLE_URLCONF)

    def caller(self, request: HttpRequest) -> Caller:
        claimed = claims.claimed_user(request.headers.get(claims.HEADER, ""))
        return caller_of(sha256=fingerprint_of(request), address=address_of(request), claimed=claimed, now=timezone.now())


def _filter(request: Request, found: Endpoint) -> Filter | None:
    """Raises: FilterInvalid; InputInvalid for an unknown parameter, so that a misspelt filter does not find everything."""
    texts: list[str] = []
    for name, values in request.query_params.lists():
        if name.lower() == FILTER and found.takes_filter:
            texts += values
        elif name.lower() not in (PARAMETER, *IGNORED):
            known = f"{PARAMETER} and {FILTER}" if found.takes_filter else PARAMETER
            raise InputInvalid({name: [f"This address does not take the parameter “{name[:60]}”. Use: {known}."]})
    if len(texts) > 1:
        raise InputInvalid({FILTER: ["There are several filters. Connect their conditions with and."]})
    return filter_read(texts[0]) if texts and texts[0].strip() else None


def _body(request: Request) -> Any:
    """The JSON of the body, regardless of its type. None without a body. Raises: ParseError."""
    content = request._request.body
    if not content.strip():
        return None
    try:
        return json_read(content)
    except ValueError as exc:
        raise ParseError(f"The body is not JSON: {exc}") from exc
