"""Mail through a real mail server, with and without TLS, and what happens when it does not take the mail."""

import base64
import email
import email.policy
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from alerts.channels.kinds import KINDS, Outgoing
from alerts.channels.mail import smtp
from alerts.errors import InputInvalid, NotSent
from pki.core.roles import Kind
from sitekit.authority import Authority
from tests.alerts.channels.conftest import checked
from tests.receivers import MailReceiver, mail_receiver, server_context

Make = Callable[..., Outgoing]
PLAIN = {"recipients": "ops@site.example, night@site.example", "sender": "alerts@site.example", "host": "localhost", "security": "none"}
SIGNED_IN = {"username": "ann", "password": "s3cret-words"}


@pytest.fixture(scope="module")
def tls(authority: Authority) -> ssl.SSLContext:
    return server_context(authority.pair(Kind.SERVICE, names=("localhost",)))


def send(message: Outgoing, port: int, **values: Any) -> None:
    KINDS["mail"].send(checked("mail", **PLAIN | {"port": port} | values), message)


def not_sent(message: Outgoing, port: int, **values: Any) -> NotSent:
    with pytest.raises(NotSent) as caught:
        send(message, port, **values)
    assert "s3cret" not in str(caught.value)
    return caught.value


def content(receiver: MailReceiver) -> EmailMessage:
    (envelope,) = receiver.received
    assert isinstance(envelope.content, bytes)
    assert envelope.content.isascii()
    parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def text_of(receiver: MailReceiver) -> str:
    return str(content(receiver).get_content()).replace("\r\n", "\n")


def pem(authority: Authority) -> str:
    return authority.certificate.public_bytes(Encoding.PEM).decode()


def test_an_alert_is_one_plain_mail(outgoing: Make) -> None:
    receiver = MailReceiver()
    with mail_receiver(receiver) as port:
        send(outgoing(title="rim1: “silent”\r\nBcc: eve@evil.example"), port)
    mail = content(receiver)
    assert receiver.received[0].rcpt_tos == ["ops@site.example", "night@site.example"]
    assert receiver.received[0].mail_from == "alerts@site.example"
    assert (mail["Subject"], mail["Bcc"]) == ("rim1: “silent” Bcc: eve@evil.example", None)
    assert (mail["To"], mail["From"]) == ("ops@site.example, night@site.example", "alerts@site.example")
    assert mail["Message-ID"] == "<00000000-0000-0000-0000-000000000007@site.example>"
    assert (mail["Date"], mail["Auto-Submitted"]) == ("Mon, 30 Nov 2026 02:05:00 +0000", "auto-generated")
    assert mail["X-Possible-Repeat"] is None
    assert text_of(receiver) == "Its certificates expire in 4 days.\nStart the agent — “now”.\n\nhttps://console.example/nodes/7/\n"


def test_a_possible_repeat_has_the_same_id_and_says_so(outgoing: Make) -> None:
    receiver = MailReceiver()
    with mail_receiver(receiver) as port:
        send(outgoing(possible_repeat=True), port)
    mail = content(receiver)
    assert (mail["Message-ID"], mail["X-Possible-Repeat"]) == ("<00000000-0000-0000-0000-000000000007@site.example>", "true")
    assert "This message may be a repeat" in text_of(receiver)


def test_a_line_with_a_dot_and_long_lines_arrive_unchanged(outgoing: Make) -> None:
    receiver, text = MailReceiver(), ".\n..two\n" + "long “line” " * 200 + "\nFrom here"
    with mail_receiver(receiver) as port:
        send(outgoing(text=text, url=""), port)
    assert text_of(receiver) == text + "\n"


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_tls_is_verified_and_then_the_password_is_sent(security: str, outgoing: Make, authority: Authority, tls: ssl.SSLContext) -> None:
    receiver = MailReceiver("s3cret-words")
    with mail_receiver(receiver, tls, implicit_tls=security == "tls") as port:
        send(outgoing(), port, security=security, ca=pem(authority), **SIGNED_IN)
        assert (receiver.signed_in, len(receiver.received)) == (["ann"], 1)
        for values, words in {
            (("host", "localhost"),): "must trust this CA",
            (("host", "127.0.0.1"), ("ca", pem(authority))): "IP address mismatch",
        }.items():
            error = not_sent(outgoing(), port, security=security, **SIGNED_IN, **dict(values))
            assert (words in str(error), error.may_have_arrived) == (True, False)
    assert (receiver.signed_in, len(receiver.received)) == (["ann"], 1)


def test_a_server_without_starttls_gets_no_mail(outgoing: Make) -> None:
    receiver = MailReceiver()
    with mail_receiver(receiver) as port:
        assert "does not offer STARTTLS" in str(not_sent(outgoing(), port, security="starttls", **SIGNED_IN))
    assert (receiver.received, receiver.signed_in) == ([], [])


def test_a_wrong_password_is_named_and_not_shown(
    outgoing: Make, authority: Authority, tls: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver = MailReceiver("another")
    with mail_receiver(receiver, tls) as port:
        error = not_sent(outgoing(), port, security="starttls", ca=pem(authority), **SIGNED_IN)
    assert "refused the user name or the password (535" in str(error)
    mail_log = "".join(record.getMessage() for record in caplog.records if not record.name.startswith("mail."))  # aiosmtpd's own
    assert [text for text in ("s3cret", base64.b64encode(b"\0ann\0s3cret-words").decode()) if text in mail_log] == []


def test_one_refused_recipient_does_not_keep_the_alert_from_the_others(outgoing: Make) -> None:
    receiver = MailReceiver(refused=("night@site.example",))
    with mail_receiver(receiver) as port:
        send(outgoing(), port)
    assert receiver.received[0].rcpt_tos == ["ops@site.example"]
    assert "refused these recipients. Correct or remove them in the channel.\nnight@site.example: 550 5.1.1" in text_of(receiver)


def test_a_test_and_a_mail_to_nobody_name_the_refused_recipients(outgoing: Make) -> None:
    receiver = MailReceiver(refused=("night@site.example",))
    with mail_receiver(receiver) as port:
        for error in (not_sent(outgoing(event_type="test"), port), not_sent(outgoing(), port, recipients="night@site.example")):
            assert "refused recipients: night@site.example (550 5.1.1 no such user). Nothing was sent." in str(error)
            assert error.may_have_arrived is False
    assert receiver.received == []


def test_a_mail_server_that_is_down_has_no_mail(outgoing: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    error = not_sent(outgoing(), port)
    assert (f"Connection refused at localhost:{port}" in str(error), error.may_have_arrived) == (True, False)


def test_a_server_that_never_answers_ends_in_time(outgoing: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "TOTAL_S", 1.0)
    begun = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for security in ("none", "tls"):
            error = not_sent(outgoing(), silent.getsockname()[1], security=security)
            assert ("No answer from localhost" in str(error), error.may_have_arrived) == (True, False)
    assert time.monotonic() - begun < 5


def test_a_server_that_does_not_confirm_the_mail_may_have_it(outgoing: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "TOTAL_S", 2.0)
    receiver, is_over = MailReceiver(), threading.Event()
    receiver.before_answer = lambda: is_over.wait(10)
    with mail_receiver(receiver) as port:
        error = not_sent(outgoing(), port)
        is_over.set()
    assert (len(receiver.received), error.may_have_arrived) == (1, True)


def scripted(replies: dict[bytes, bytes]) -> socket.socket:
    """A mail server that answers each command, and the end of the message, as `replies` says."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(replies.get(b"", b"220 hello") + b"\r\n")
            in_message = False
            for line in lines:
                command = line.strip().partition(b" ")[0].upper()
                if not in_message or command == b".":
                    connection.sendall(replies.get(command, b"354 go on" if command == b"DATA" else b"250 fine") + b"\r\n")
                    in_message = command == b"DATA"

    threading.Thread(target=serve, daemon=True).start()
    return server


REFUSALS = {
    (b"", b"421 too busy"): "accepts no connections now (421 too busy)",
    (b"MAIL", b"553 not yours"): "refused the sender alerts@site.example (553 not yours)",
    (b"DATA", b"451 disk is full"): "answered 451 disk is full",
    (b".", b"554 looks like spam"): "refused the message (554 looks like spam)",
}


@pytest.mark.parametrize(("refusal", "words"), REFUSALS.items(), ids=range(len(REFUSALS)))
def test_what_the_server_refuses_has_not_arrived(outgoing: Make, refusal: tuple[bytes, bytes], words: str) -> None:
    with scripted(dict([refusal])) as server:
        error = not_sent(outgoing(), server.getsockname()[1])
    assert (words in str(error), error.may_have_arrived) == (True, False), str(error)


BAD = {
    "recipients": ["ops", "ops@site.example eve", "a@b@c", "\n".join(f"a{number}@site.example" for number in range(51)), "-@-x.example"],
    "sender": ["Ops <ops@site.example>", "ops", "a@x.example,b@x.example"],
    "host": ["mail.example:25", "https://mail.example", "-oProxy", "a b"],
    "port": ["0", "65536", "x", "-1", "٢٥"],
    "security": ["ssl"],
    "ca": ["x"],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in BAD.items() for value in values])
def test_invalid_fields_are_refused(field: str, value: str) -> None:
    with pytest.raises(InputInvalid) as caught:
        checked("mail", **PLAIN | {field: value})
    assert caught.value.errors.keys() == {field}


def test_credentials_require_tls_and_each_other() -> None:
    for values, field in {
        (("username", "ann"), ("password", "x")): "security",
        (("username", "ann"), ("security", "tls")): "password",
        (("username", "ann"), ("security", "tls"), ("password", "wörter")): "password",
    }.items():
        with pytest.raises(InputInvalid) as caught:
            checked("mail", **PLAIN | dict(values))
        assert caught.value.errors.keys() == {field}
    assert checked("mail", **PLAIN | {"password": "left over"})["password"] == ""


def test_the_address_is_the_first_recipient() -> None:
    assert KINDS["mail"].address(checked("mail", **PLAIN)) == "ops@site.example and 1 more"
    assert KINDS["mail"].address(checked("mail", **PLAIN | {"recipients": "ops@site.example;"})) == "ops@site.example"
