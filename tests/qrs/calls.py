"""Calls to the QRS-compatible API, as clients make them."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.test import Client, override_settings

from certs.models import Certificate
from nodes.models import Node

KEY = "0123456789abcDEF"
USER = "UserDirectory=INTERNAL;UserId=sa_api"
HEADERS = {"X-Qlik-Xrfkey": KEY, "X-Qlik-User": USER}


@dataclass(frozen=True)
class Called:
    status: int
    type: str
    body: bytes

    @property
    def text(self) -> str:
        assert self.type == "text/plain; charset=utf-8", (self.type, self.body)
        return self.body.decode()

    @property
    def json(self) -> Any:
        assert self.type == "application/json; charset=utf-8", (self.status, self.type, self.body)
        return json.loads(self.body)


def on_console(token: str) -> Any:
    """A function that calls with a token on the console's port."""

    def call(method: str, path: str, body: Any = None, **headers: str) -> Called:
        return _send(method, path, body, HEADERS | {"Authorization": f"Bearer {token}"} | headers)

    return call


def on_node_api(certificate: bytes, address: str = "127.0.0.1") -> Any:
    """A function that calls with a client certificate on port 4242."""
    scope = {"state": {"peer_certificate": certificate, "has_ended": lambda: False}, "client": (address, 5)}

    def call(method: str, path: str, body: Any = None, **headers: str) -> Called:
        with override_settings(ROOT_URLCONF="qmc.urls_node"):
            return _send(method, path, body, HEADERS | headers, **{"asgi.scope": scope, "REMOTE_ADDR": address})

    return call


def central_certificate() -> bytes:
    """The central node's own client certificate."""
    return bytes(Certificate.objects.issued().get(holder_id=Node.objects.get(is_central=True).pk, kind="client").der or b"")


def path_of(address: str, **parameters: str) -> str:
    """An address with its key, as `qrs-interact` writes it: the key last, and quotation marks raw."""
    query = "".join(f"{name}={quote(value, safe=chr(39))}&" for name, value in parameters.items())
    return f"/qrs/{address}?{query}xrfkey={KEY}"


def _send(method: str, path: str, body: Any, headers: dict[str, str], **scope: Any) -> Called:
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    client = Client(raise_request_exception=False)
    answer = client.generic(method, path, content, content_type="application/json", secure=True, headers=headers, **scope)
    return Called(answer.status_code, answer.headers.get("Content-Type", ""), answer.content)
