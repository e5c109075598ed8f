"""The one place that dials an address out of the database: no redirects, deadlines, a size limit, and only the configured port."""

import contextlib
import http.client
import socket
import ssl
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from django.utils import timezone

from agent import tls
from nodes.errors import NodeUnreachable
from nodes.models import Node
from pki.core import clocks, verify
from sealing.local_keys import own_store

CONNECT_S, TOTAL_S, CLOCK_S, LARGEST_ANSWER = 5.0, 6.0, 2.0, 65536
LATEST_S = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


@dataclass(frozen=True)
class Answer:
    """What came back; `date` is the node's clock as Unix seconds, if it told."""

    status: int
    body: bytes
    date: float | None


# A registered node closes its distribution port: that is no fault until a package is to be sent.
CLOSED = (
    "Connection refused at {place}. The node closes this port once it is registered, and opens it when its agent next calls here. If its agent "
    "does not reach this console, run `python -m agent reopen --home DIR` on that machine; if no agent runs there, start it."
)


def _although_it_calls(exc: Exception, place: str, node: Node) -> str:
    what = f"Connection refused at {place}" if isinstance(exc, ConnectionRefusedError) else f"No answer from {place}"
    seen = node.observed.address if node.observed and not node.address else ""
    where = f"It calls from {seen}: check that {node.host_name} resolves to that here. " if seen else ""
    if node.calls_from:
        where = f"It calls from {node.calls_from}; its address here is {node.address}: change it on the node's page if the node has moved. "
    return f"{what}, although its agent calls. {where}Check the port, and that a firewall lets the central node through."


def _why(exc: Exception, place: str, *, closes: bool = False) -> str:
    if isinstance(exc, socket.gaierror):
        return f"The name {place.rsplit(':', 1)[0]} does not resolve. Give the node's address, or add the name to the DNS."
    if isinstance(exc, ConnectionRefusedError) and closes:
        return CLOSED.format(place=place)
    if isinstance(exc, ConnectionRefusedError):
        return f"Connection refused at {place}. Start the agent or open the firewall."
    if isinstance(exc, TimeoutError):
        return f"No answer from {place}. Check the address, and that a firewall lets the central node through."
    return f"{place} did not answer as an agent does ({type(exc).__name__}). Check that an agent runs on that port."


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
    connection = http.client.HTTPConnection(node.dialled, node.distribution_port, timeout=min(CONNECT_S, total_s))
    try:
        connection.connect()
        raw = connection.sock
        # Each read has its own timeout; this ends an answer that comes drop by drop.
        timer = threading.Timer(total_s, raw.shutdown, [socket.SHUT_RDWR])
        timer.start()
        try:
            connection.request(method, path, body, {"Accept": accept, "Connection": "close"})
            answer = connection.getresponse()
            content = answer.read(LARGEST_ANSWER)
        finally:
            timer.cancel()
        return Answer(answer.status, content, _seconds(answer.getheader("Date")))
    except (OSError, http.client.HTTPException, ValueError) as exc:
        raise NodeUnreachable(_why(exc, place, closes=node.registered_at is not None)) from exc
    finally:
        connection.close()


def clock_offset(node: Node) -> float | None:
    """How many seconds the node's clock is ahead: by what 4444 says while it is open, else by the node's last call."""
    with contextlib.suppress(NodeUnreachable):
        date = ask(node, "GET", "/status/servicestate", total_s=CLOCK_S).date
        if date is not None:
            return clocks.bounded(date - timezone.now().timestamp())
    return node.clock_offset_s


def _handshake_failed(node: Node, exc: ssl.SSLError) -> str:
    """Why; a clock that is off is told apart from a certificate that is bad."""
    # A node that is behind calls our certificate "bad", not "not valid yet": there is no alert for that.
    if not tls.is_about_dates(exc) and "ALERT_BAD_CERTIFICATE" not in str(exc):
        return f"{exc.args[-1]}. Redistribute the node if this stays."
    now, offset = timezone.now(), clock_offset(node)
    theirs = now + timedelta(seconds=offset) if offset is not None else None
    if not tls.is_about_dates(exc) and (theirs is None or clocks.agree(now, theirs)):
        return f"{exc.args[-1]}. Redistribute the node if this stays."
    return clocks.verdict("the central node's", now, f"{node}'s", theirs)


def served_certificate(node: Node) -> str:
    """Dial the node's 4242 with this machine's client certificate; chain, role and host name hold. Returns the SHA-256 of what it serves.

    Raises: NodeUnreachable.
    """
    place = f"{node.dialled}:{node.node_port}"
    context = tls.client_context(own_store())
    try:
        with (
            socket.create_connection((node.dialled, node.node_port), CONNECT_S) as raw,
            context.wrap_socket(raw, server_hostname=node.host_name) as secure,
        ):
            # Under TLS 1.3 a refused client certificate shows at the first read.
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
