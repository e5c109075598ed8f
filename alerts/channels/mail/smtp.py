"""SMTP on a connection that `outbound` made (RFC 5321, RFC 3207)."""

import base64
import contextlib
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

from alerts.errors import NotSent
from outbound.connections import connect_guarded, deadline, failure_text, place_of
from outbound.errors import OutboundFailed

CONNECT_S, TOTAL_S = 5.0, 9.0
LONGEST_REPLY = 200

MakeMessage = Callable[[Mapping[str, str]], EmailMessage]


@dataclass(frozen=True)
class Server:
    """A mail server. `context` is for TLS, from the start if `is_implicit`, else with STARTTLS; None means no TLS."""

    host: str
    port: int
    context: ssl.SSLContext | None
    is_implicit: bool
    username: str
    password: str

    @property
    def place(self) -> str:
        return place_of(self.host, self.port)


class _Smtp(smtplib.SMTP):
    """A session on `connection`. `message_sent`: the end of the message was sent, so it may arrive whatever happens next."""

    def __init__(self, connection: socket.socket, server: Server) -> None:
        super().__init__(local_hostname=_own_name(connection))
        self.connection, self.server = connection, server
        self.message_sent = False
        self._host = server.host  # STARTTLS verifies this name

    def _get_socket(self, *_: Any) -> socket.socket:
        self.connection.settimeout(TOTAL_S + 1)
        if self.server.context and self.server.is_implicit:
            return self.server.context.wrap_socket(self.connection, server_hostname=self.server.host)
        return self.connection

    def send(self, s: Any) -> None:
        super().send(s)
        if isinstance(s, bytes) and s.endswith(b"\r\n.\r\n"):
            self.message_sent = True


def _own_name(connection: socket.socket) -> str:
    """This machine's name for HELO, or its address if it has no full name. Asks no DNS, which may hang."""
    name = socket.gethostname()
    if "." in name and name.isascii():
        return name
    address = connection.getsockname()[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def mail_send(server: Server, sender: str, recipients: Sequence[str], message: MakeMessage, *, to_all: bool) -> None:
    """Send what `message` makes to the recipients that the server accepts. `message` gets the refused ones with the server's replies.

    With `to_all`, nothing is sent unless the server accepts all of them. Raises: NotSent.
    """
    with _connected(server) as smtp:
        _accepted(smtp.mail(sender), f"{server.place} refused the sender {sender}")
        refused = {address: _reply(*reply) for address in recipients if (reply := smtp.rcpt(address))[0] not in (250, 251)}
        if refused and (to_all or len(refused) == len(recipients)):
            listed = "; ".join(f"{address} ({reply})" for address, reply in refused.items())
            raise NotSent(f"{server.place} refused recipients: {listed}. Nothing was sent. Check these addresses.")
        _accepted(smtp.data(message(refused).as_bytes()), f"{server.place} refused the message")
        with contextlib.suppress(smtplib.SMTPException):  # the message was accepted already
            smtp.quit()


@contextlib.contextmanager
def _connected(server: Server) -> Iterator[_Smtp]:
    """A session with TLS and sign-in as the server's settings say. Raises: NotSent, also for what fails inside."""
    try:
        raw = connect_guarded(server.host, server.port, CONNECT_S)
    except OutboundFailed as exc:
        raise NotSent(str(exc)) from exc
    smtp = _Smtp(raw, server)
    with raw, contextlib.closing(smtp), deadline(raw, TOTAL_S) as is_over:
        try:
            _begin(smtp, server)
            yield smtp
        except OSError as exc:  # errors of smtplib are OSErrors too
            text = failure_text(TimeoutError(), server.place) if is_over.is_set() else _why(exc, server)
            raise NotSent(text, may_have_arrived=smtp.message_sent) from exc


def _begin(smtp: _Smtp, server: Server) -> None:
    """Raises: OSError, NotSent."""
    _accepted(smtp.connect(server.host, server.port), f"{server.place} accepts no connections now")
    smtp.ehlo_or_helo_if_needed()
    if server.context and not server.is_implicit:
        if not smtp.has_extn("starttls"):
            raise NotSent(f"{server.place} does not offer STARTTLS. Choose TLS, or the server's port for submission.")
        smtp.starttls(context=server.context)
        smtp.ehlo_or_helo_if_needed()
    if server.username:
        if not smtp.has_extn("auth"):
            raise NotSent(f"{server.place} does not offer a sign-in. Remove the user name, or use the server's port for submission.")
        smtp.login(server.username, server.password)


def _accepted(reply: tuple[int, bytes], otherwise: str) -> None:
    """Raises: NotSent."""
    if reply[0] not in (220, 250):
        raise NotSent(f"{otherwise} ({_reply(*reply)}).")


def _reply(code: int, text: bytes | str) -> str:
    """A reply of the server in one line."""
    words = text.decode("ascii", "replace") if isinstance(text, bytes) else text
    return "".join(letter for letter in f"{code} {' '.join(words.split())}" if letter.isprintable())[:LONGEST_REPLY]


def _why(exc: OSError, server: Server) -> str:
    if not isinstance(exc, smtplib.SMTPResponseException):
        return failure_text(exc, server.place)
    reply = _reply(exc.smtp_code, exc.smtp_error)
    if isinstance(exc, smtplib.SMTPAuthenticationError):
        for secret in _forms(server):  # a server may repeat what it was sent
            reply = reply.replace(secret, "***")
        return f"{server.place} refused the user name or the password ({reply}). Enter them again."
    return f"{server.place} answered {reply}. Check the settings of the mail server."


def _forms(server: Server) -> list[str]:
    """The password in the forms in which it is sent."""
    plain = [server.password, f"\0{server.username}\0{server.password}"]
    return [server.password, *(base64.b64encode(text.encode()).decode() for text in plain)]
