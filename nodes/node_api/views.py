"""The API that agents call on port 4242. The fingerprint of the client certificate identifies the node."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from audit.request import node_use
from certs.exports.services import export_seen
from certs.models import Certificate
from certs.revocation.lists import trust_material
from nodes.browser_certificates.services import choice_sealed
from nodes.connections.services import connections_page
from nodes.errors import NodesError
from nodes.models import CallerFinding, Node
from nodes.node_api.caller import Caller, caller_read
from nodes.node_api.heartbeat import heartbeat, package_for
from nodes.node_api.peer import call_of, fingerprint_of
from nodes.observation.callers import Call, finding_note, is_disputed, is_replaced, unknown_note
from pki.core.errors import PackageError, ReportInvalid
from pki.exchange import problem as problems
from pki.exchange.report import Report
from sealing.errors import TrustZoneError
from web.api import Query, valid
from web.problems import problem_handler

P = ParamSpec("P")


class ConnectionsQuery(Query):
    after = serializers.UUIDField(required=False, error_messages={"invalid": "This is not the id of a connection. Leave it out to start."})


@dataclass(frozen=True)
class Called:
    """The node that calls, and the parameters in the address."""

    caller: Caller
    query: dict[str, Any]

    @property
    def node(self) -> Node:
        return self.caller.node


class Refused(Exception):
    """The caller is not a node that is allowed to call. `slug` is the type of the problem."""

    slug = "unknown-node"

    def note(self, report: Report | None, call: Call) -> None:
        """Record the caller, if it is known."""


class Unknown(Refused):
    """A current root signed the certificate, but this database does not know it."""

    def __init__(self, sha256: str) -> None:
        super().__init__("This client certificate belongs to no node of the trust zone. Redistribute the node.")
        self.sha256 = sha256

    def note(self, report: Report | None, call: Call) -> None:
        unknown_note(sha256=self.sha256, report=report, call=call, now=timezone.now())


class Replaced(Refused):
    """The certificate was replaced by another one, more than an hour ago."""

    slug = "superseded-certificate"

    def __init__(self, node: Node) -> None:
        super().__init__(
            f"{node} has newer certificates than this one. If this machine was restored from a backup or a snapshot, redistribute the node; "
            "if it is a copy, stop its agent."
        )
        self.node = node

    def note(self, report: Report | None, call: Call) -> None:
        generation = report.generation if report else 0
        finding_note(kind=CallerFinding.Kind.SUPERSEDED, node=self.node, call=call, now=timezone.now(), generation=generation)


def problem(slug: str, detail: str, status: int, *errors: problems.FieldError) -> JsonResponse:
    # A refused caller is disconnected, so a connection from before a revocation ends with its next request.
    headers = {"Connection": "close"} if status == 403 else {}
    content = problems.problem(slug, status, detail, errors)
    return JsonResponse(content, status=status, content_type=problems.MEDIA_TYPE, headers=headers)


def _presented(request: HttpRequest) -> Certificate | None:
    """The caller's client certificate of the trust zone, without its bytes."""
    return Certificate.objects.accepted().summaries().filter(sha256=fingerprint_of(request), kind="client").first()


def _export_seen(certificate: Certificate | None) -> None:
    """Record the use of a certificate by an export."""
    if certificate is not None and certificate.holder_id is not None:
        export_seen(holder_id=certificate.holder_id, now=timezone.now())


def _called(request: HttpRequest, query: type[Query] = Query) -> Called:
    """The calling node and its parameters. Raises: Refused, ValidationError."""
    caller = caller_read(fingerprint_of(request))
    if caller is None:
        raise _refusal(request)
    node_use(caller.node.pk)
    if is_replaced(caller.certificate_status, caller.superseded_at, now=timezone.now()):
        raise Replaced(caller.node)
    return Called(caller, valid(query(data=request.GET)))


def _refusal(request: HttpRequest) -> Refused:
    """Why a caller that is no node is refused."""
    if not Certificate.objects.filter(sha256=fingerprint_of(request)).exists():
        return Unknown(fingerprint_of(request))
    _export_seen(_presented(request))
    return Refused("This client certificate belongs to no node of the trust zone, or it was revoked. Redistribute the node.")


def for_node(view: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """Answer a caller or a parameter that `view` refuses."""

    @wraps(view)
    def run(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return view(*args, **kwargs)
        except Refused as exc:
            return problem(exc.slug, str(exc), 403)
        except ValidationError as exc:
            return problem_handler(exc, {"view": view.__name__})

    return run


def _readable(body: bytes) -> Report | None:
    try:
        return Report.parse(body)
    except ReportInvalid:
        return None


@csrf_exempt
@require_POST
@for_node
def heartbeat_view(request: HttpRequest) -> HttpResponse:
    """A node reports and gets its next instructions."""
    call = call_of(request)
    if call.has_ended():  # A busy server answers those first that still wait.
        return problem("changed-meanwhile", "The caller has hung up. Call again later.", 503)
    try:
        called = _called(request)
        report = Report.parse(request.body)
    except Refused as exc:
        exc.note(_readable(request.body), call)
        raise
    except ReportInvalid as exc:
        return problem("malformed", f"{exc} Update the agent.", 400, problems.FieldError(exc.field, "invalid", str(exc)))
    try:
        return JsonResponse(heartbeat(caller=called.caller, report=report, now=timezone.now(), call=call).to_json())
    except TrustZoneError as exc:
        return problem("trust-zone-broken", str(exc), 503)
    except NodesError as exc:
        return problem("changed-meanwhile", f"{exc} Call again later.", 503)


@require_GET
@for_node
def package_view(request: HttpRequest, generation: int) -> HttpResponse:
    """The renewal package that is offered to the calling node."""
    sealed = package_for(node=_called(request).node, generation=generation)
    if sealed is None:
        return problem("nothing-offered", "This generation is not offered to this node.", 404)
    return HttpResponse(sealed, content_type="application/jose")


@require_GET
@for_node
def browser_certificate_view(request: HttpRequest) -> HttpResponse:
    """The browser certificate that was chosen for the calling node, with its key."""
    node = _called(request).node
    try:
        sealed = None if is_disputed(node) else choice_sealed(node)
    except (NodesError, PackageError) as exc:
        return problem("not-now", str(exc), 409)
    if sealed is None:
        return problem("nothing-chosen", "No browser certificate is chosen for this node.", 404)
    return HttpResponse(sealed, content_type="application/jose")


@require_GET
@for_node
def trust_view(request: HttpRequest) -> HttpResponse:
    """The current roots with their newest revocation lists."""
    _called(request)
    return JsonResponse(trust_material())


@require_GET
@for_node
def connections_view(request: HttpRequest) -> HttpResponse:
    """The data connections, for any registered node. `after` is the value of `next` from the previous page."""
    called = _called(request, ConnectionsQuery)
    if called.node.registered_at is None:
        return problem("not-registered", f"{called.node} is not registered yet. Wait until the console shows it as registered.", 409)
    return JsonResponse(connections_page(after=called.query.get("after")), json_dumps_params={"ensure_ascii": False})


@require_GET
def status_view(request: HttpRequest) -> HttpResponse:
    """The status of the central node: it runs."""
    _export_seen(_presented(request))
    return HttpResponse("2", content_type="text/plain")
