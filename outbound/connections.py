"""TCP and TLS connections with deadlines."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator

from outbound.addresses import allowed_addresses
from outbound.errors import OutboundFailed

CONNECT_S = 5.0


def connect(host: str, port: int, within_s: float = CONNECT_S) -> socket.socket:
    """A connection to a host of the site, on any address. `within_s` is for each of its addresses. Raises: OSError."""
    return socket.create_connection((host, port), within_s)


def connect_guarded(host: str, port: int, within_s: float = CONNECT_S) -> socket.socket:
    """A connection to a foreign host: to an address that was checked, within `within_s` including DNS. Raises: OutboundFailed."""
    until = time.monotonic() + within_s
    addresses = allowed_addresses(host, port, within_s)
    for number, address in enumerate(addresses):
        share = (until - time.monotonic()) / (len(addresses) - number)
        try:
            return socket.create_connection((address, port), max(share, 0.1))
        except OSError as exc:
            failure = exc
    raise OutboundFailed(failure_text(failure, place_of(host, port))) from failure


@contextlib.contextmanager
def deadline(connection: socket.socket, within_s: float) -> Iterator[threading.Event]:
    """Shut the connection down after `within_s`, even if the other side sends slowly. The event is set then. TLS can begin on it meanwhile."""
    is_over = threading.Event()
    with connection.dup() as same:

        def end() -> None:
            is_over.set()
            with contextlib.suppress(OSError):  # the other side has closed it
                same.shutdown(socket.SHUT_RDWR)

        # Each read has its own timeout. The timer limits all of them together.
        timer = threading.Timer(within_s, end)
        timer.daemon = True
        timer.start()
        try:
            yield is_over
        finally:
            timer.cancel()
            timer.join()


def tls_context(authorities: str = "") -> ssl.SSLContext:
    """Verifies certificate and host name with the system's CAs and with those of the PEM text `authorities`. Raises: ValueError for a text without certificates."""
    context = ssl.create_default_context()
    if authorities:
        try:
            context.load_verify_locations(cadata=authorities)
        except (ssl.SSLError, TypeError) as exc:  # TypeError for letters beyond ASCII
            raise ValueError("This is not a list of certificates in PEM.") from exc
    return context


def authorities_problem(pem: str) -> str:
    """Why this text cannot be stored as CA certificates; "" if it can."""
    if "PRIVATE KEY" in pem:
        return "This contains a private key. Enter certificates only."
    try:
        tls_context(pem)
    except ValueError:
        return "This is not a list of certificates in PEM. Each begins with -----BEGIN CERTIFICATE-----."
    return ""


def place_of(host: str, port: int) -> str:
    """The place as it is written in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def failure_text(exc: Exception, place: str) -> str:
    """What failed at a foreign host, and what to do."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        reason = exc.verify_message.rstrip(".")
        return f"The certificate of {place} is refused: {reason}. Check the host name and the expiry date. If your own CA issued it, the central node must trust this CA, or enter it with the other settings of this connection."
    if isinstance(exc, ssl.SSLError):
        return f"The TLS handshake with {place} failed ({exc.reason or type(exc).__name__}). Check the port, and whether it expects TLS."
    if isinstance(exc, ConnectionRefusedError):
        return f"Connection refused at {place}. Check the port, and check that the service runs."
    if isinstance(exc, TimeoutError):
        return f"No answer from {place} in time. Check the address, and check that the firewall allows connections from the central node."
    if isinstance(exc, OSError) and exc.strerror:
        return f"The connection to {place} failed: {exc.strerror}. Check the address and the network."
    return f"{place} closed the connection without an answer ({type(exc).__name__}). Check the port, and check that the service runs."
