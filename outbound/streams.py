"""A stream of bytes to a foreign host over TLS, delivered as a whole or not at all, as far as the sender can know it."""

import ssl

from outbound.connections import connect_guarded, deadline, failure_text, place_of, tls_context
from outbound.errors import OutboundFailed

TOTAL_S = 12.0  # beside the time to connect


def deliver(host: str, port: int, content: bytes, *, authorities: str = "", within_s: float = TOTAL_S) -> None:
    """Send `content` on a connection of its own. It returns when the other side has taken all bytes and closed the connection in turn.

    TLS has no receipts, so the end is one: this side sends its last bytes with close_notify (RFC 5246 section 7.2.1, RFC 8446 section 6.1), and waits
    until the other side ends too. A process that ends with unread bytes resets the connection, which is a failure. Some receivers close without a
    close_notify, as a killed process does. They are asked for another handshake: a killed process does not answer it.

    `authorities` are further CAs to trust, as PEM. Raises: OutboundFailed. ValueError as `tls_context`.
    """
    context = tls_context(authorities)
    if not _ended(host, port, content, context, within_s):
        _ended(host, port, b"", context, within_s)


def _ended(host: str, port: int, content: bytes, context: ssl.SSLContext, within_s: float) -> bool:
    """Whether the other side ended TLS as well; False if it closed the connection without that. Raises: OutboundFailed."""
    with connect_guarded(host, port) as raw, deadline(raw, within_s) as is_over:
        raw.settimeout(within_s + 1)
        try:
            with context.wrap_socket(raw, server_hostname=host) as connection:
                connection.sendall(content)
                ended = _closed(connection)
        except OSError as exc:
            cause = TimeoutError() if is_over.is_set() else exc
            raise OutboundFailed(failure_text(cause, place_of(host, port)), may_have_arrived=True) from exc
        if is_over.is_set():  # the deadline has ended the connection, not the other side
            raise OutboundFailed(
                f"{place_of(host, port)} did not take everything and close the connection within {within_s:.0f} s. Check its load, and whether "
                "something between it and the central node holds connections open.",
                may_have_arrived=True,
            )
        return ended


def _closed(connection: ssl.SSLSocket) -> bool:
    """Raises: OSError."""
    try:
        connection.unwrap()
    except ssl.SSLEOFError:
        return False
    return True
