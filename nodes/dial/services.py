"""Connections to nodes: to the configured ports only. A node can have any address."""

import contextlib
import http.client
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from django.utils import timezone

from agent import tls
from nodes.errors import NodeUnreachable
from nodes.models import Node
from outbound import http as outbound
from outbound.connections import CONNECT_S, connect, deadline
from pki.core import clocks, verify
from pki.core.commands import AGENT
from sealing.local_keys import own_store

TOTAL_S, CLOCK_S, NUDGE_S = 6.0, 2.0, 2.0
LATEST_S = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


@dataclass(frozen=True)
class Answer:
    """The node's answer; `date` is its clock as Unix seconds, if the answer has one."""

    status: int
    body: bytes
    date: float | None


# A registered node closes its distribution port. This is not an error until a package must be sent.
CLOSED = (
    "Connection refused at {place}. A registered node closes this port, and opens it when its agent calls the central node again. If its agent "
    f"cannot reach this console, run `{AGENT} reopen --home DIR` on that machine. If no agent runs there, start it."
)


def _although_it_calls(exc: Exception, place: str, node: Node) -> str:
    what = f"Connection refused at {place}" if isinstance(exc, ConnectionRefusedError) else f"No answer from {place}"
    seen = node.observed.address if node.observed and not node.address else ""
    where = f"It calls from {seen}. Check that {node.host_name} resolves to this address here. " if seen else ""
    if node.calls_from:
        where = f"It calls from {node.calls_from}, but its recorded address is {node.address}. If the node has moved, change the address on its page. "
    return f"{what}, although its agent calls. {where}Check the port, and check that the firewall allows connections from the central node."


def _why(exc: Exception, place: str, *, closes: bool = False) -> str:
    if isinstance(exc, socket.gaierror):
        return f"The name {place.rsplit(':', 1)[0]} does not resolve. Enter the node's address, or add the name to DNS."
    if isinstance(exc, ConnectionRefusedError) and closes:
        return CLOSED.format(place=place)
    if isinstance(exc, ConnectionRefusedError):
        return f"Connection refused at {place}. Start the agent or open the firewall."
    if isinstance(exc, TimeoutError):
        return f"No answer from {place}. Check the address, and check that the firewall allows connections from the central node."
    return f"{place} did not answer like an agent ({type(exc).__name__}). Check that an agent runs on that port."


def _seconds(date: str | None) -> float | None:
    """Unix seconds of an HTTP date of the years 1970 to 9999; None for anything else."""
    try:
        seconds = parsedate_to_datetime(date or "").timestamp()
    except (ValueError, OverflowError, TypeError):
        return None
    return seconds if 0 <= seconds < LATEST_S else None


def ask(
    node: Node, method: str, path: str, body: bytes | None = None, accept: str = "application/json", total_s: float = TOTAL_S
) -> Answer:
    """One plain HTTP request to the node's distribution port. Raises: NodeUnreachable."""
    place = f"{node.dialled}:{node.distribution_port}"
    request = outbound.Request(method, path, {"Accept": accept}, body)
    try:
        with connect(node.dialled, node.distribution_port, min(CONNECT_S, total_s)) as raw:
            answer = outbound.ask(raw, node.dialled, node.distribution_port, request, total_s)
        return Answer(answer.status, answer.body, _seconds(answer.headers["Date"]))
    except (OSError, http.client.HTTPException, ValueError) as exc:
        raise NodeUnreachable(_why(exc, place, closes=node.registered_at is not None)) from exc


def clock_offset(node: Node) -> float | None:
    """How many seconds the node's clock is ahead: read from port 4444 while it is open, else from the node's last call."""
    with contextlib.suppress(NodeUnreachable):
        date = ask(node, "GET", "/status/servicestate", total_s=CLOCK_S).date
        if date is not None:
            return clocks.bounded(date - timezone.now().timestamp())
    return node.clock_offset_s


def _handshake_failed(node: Node, exc: ssl.SSLError) -> str:
    """Why it failed. A wrong clock and a bad certificate give different texts."""
    # A node whose clock is behind calls our certificate "bad": TLS has no alert for "not yet valid".
    if not tls.is_date_error(exc) and "ALERT_BAD_CERTIFICATE" not in str(exc):
        return f"{exc.args[-1]}. Redistribute the node if this does not change."
    now, offset = timezone.now(), clock_offset(node)
    theirs = now + timedelta(seconds=offset) if offset is not None else None
    if not tls.is_date_error(exc) and (theirs is None or clocks.agree(now, theirs)):
        return f"{exc.args[-1]}. Redistribute the node if this does not change."
    return clocks.verdict("the central node's", now, f"{node}'s", theirs)


def served_certificate(node: Node) -> str:
    """Connect to the node port with this machine's client certificate; verify chain, role and host name. Returns the SHA-256 of the served certificate.

    Raises: NodeUnreachable.
    """
    place = f"{node.dialled}:{node.node_port}"
    context = tls.client_context(own_store())
    try:
        with (
            connect(node.dialled, node.node_port) as raw,
            context.wrap_socket(raw, server_hostname=node.host_name) as secure,
        ):
            # With TLS 1.3, the refusal of a client certificate appears at the first read.
            secure.sendall(b"GET /status/servicestate HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")
            if not secure.recv(64):
                raise NodeUnreachable(f"{place} refused the central node's client certificate. Redistribute the node.")
            der = secure.getpeercert(binary_form=True)
    except ssl.SSLError as exc:
        raise NodeUnreachable(f"The handshake with {place} failed: {_handshake_failed(node, exc)}") from exc
    except OSError as exc:
        calls = isinstance(exc, ConnectionRefusedError | TimeoutError) and node.online(timezone.now())
        raise NodeUnreachable(_although_it_calls(exc, place, node) if calls else _why(exc, place)) from exc
    return verify.fingerprint(der or b"")


def call_now(node: Node, context: ssl.SSLContext) -> bool:
    """Ask the node to call the central node now. Returns whether a machine with its certificate answered; an older agent does not know the request."""
    try:
        with (
            connect(node.dialled, node.node_port, NUDGE_S) as raw,
            deadline(raw, NUDGE_S),
            context.wrap_socket(raw, server_hostname=node.host_name) as secure,
        ):
            secure.sendall(b"POST /call-now HTTP/1.1\r\nHost: node\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return bool(secure.recv(64))
    except (OSError, ValueError):
        return False
