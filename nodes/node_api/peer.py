"""The other side of a connection to the node API: its client certificate and its address, from the socket. Headers are ignored."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from audit.request import CredentialKind, credential_use
from nodes.observation.callers import Call
from pki.core import verify
from pki.core.addresses import client_address


class CertificateMiddleware:
    """The audit events of a request have the fingerprint of the client certificate."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        credential_use(CredentialKind.CERTIFICATE, fingerprint_of(request))
        return self.get_response(request)


def _scope(request: HttpRequest) -> dict[str, Any]:
    scope: dict[str, Any] = request.environ["asgi.scope"]  # type: ignore[attr-defined]
    return scope


def fingerprint_of(request: HttpRequest) -> str:
    return verify.fingerprint(_scope(request)["state"].get("peer_certificate") or b"")


def call_of(request: HttpRequest) -> Call:
    scope = _scope(request)
    host, _ = scope.get("client") or ("", 0)
    return Call(client_address(host), scope["state"].get("has_ended", Call.has_ended))
