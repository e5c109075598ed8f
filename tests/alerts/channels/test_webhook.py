"""Webhooks: signed CloudEvents, and what happens when the receiver does not take them."""

import base64
import json
import logging
import ssl
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from alerts.channels.kinds import KINDS, Outgoing
from alerts.errors import InputInvalid, NotSent
from pki.core.roles import Kind
from sitekit.authority import Authority
from tests import receivers
from tests.alerts.channels.conftest import checked
from tests.receivers import Respond, http_receiver, server_context, status

pytestmark = pytest.mark.django_db
Make = Callable[..., Outgoing]


@pytest.fixture(scope="module")
def tls(authority: Authority) -> ssl.SSLContext:
    return server_context(authority.pair(Kind.SERVICE, names=("localhost",)))


def pem(authority: Authority) -> str:
    return authority.certificate.public_bytes(Encoding.PEM).decode()


def send(url: str, message: Outgoing, **values: str) -> dict[str, str]:
    found = checked("webhook", url=url, **values)
    KINDS["webhook"].send(found, message)
    return found


def failed(respond: Respond, message: Outgoing, **values: str) -> NotSent:
    with http_receiver(respond) as receiver, pytest.raises(NotSent) as caught:
        send(receiver.url, message, **values)
    assert "token=" not in str(caught.value)
    return caught.value


def test_an_event_is_a_signed_cloud_event(
    site_directory: Any, outgoing: Make, settings: Any, authority: Authority, tls: ssl.SSLContext
) -> None:
    settings.QMC_BASE_URL = "https://console.example"
    with http_receiver(context=tls) as receiver:
        values = send(receiver.url, outgoing(data={"code": "node-silent"}), token="t0ken", ca=pem(authority))
    (request,) = receiver.received
    assert json.loads(request.body) == {
        "specversion": "1.0",
        "id": "00000000-0000-0000-0000-000000000007",
        "source": "https://console.example",
        "type": "trust-zone.alert.opened",
        "subject": "rim1",
        "time": "2026-11-30T02:05:00.000Z",
        "datacontenttype": "application/json",
        "data": {
            "severity": "warning",
            "title": "rim1 has not called for 3 min",
            "text": "Its certificates expire in 4 days.\nStart the agent — “now”.",
            "url": "https://console.example/nodes/7/",
            "code": "node-silent",
        },
    }
    assert request.headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
    assert request.headers["Authorization"] == "Bearer t0ken"
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert headers["webhook-id"] == "00000000-0000-0000-0000-000000000007"
    Verifier(values["secret"]).verify(request.body.decode(), headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(values["secret"]).verify(request.body.decode().replace("rim1", "rim2"), headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(checked("webhook", url=receiver.url)["secret"]).verify(request.body.decode(), headers)


def test_a_possible_repeat_has_the_same_id_and_is_marked(site_directory: Any, outgoing: Make) -> None:
    with http_receiver() as receiver:
        send(receiver.url, outgoing(subject=""))
        send(receiver.url, outgoing(subject="", possible_repeat=True))
    first, second = [json.loads(request.body) for request in receiver.received]
    assert second == first | {"possiblerepeat": True}
    assert "subject" not in first
    assert first["source"].startswith("/trust-zones/")
    assert "Authorization" not in receiver.received[0].headers


ANSWERS = {
    400: "must accept CloudEvents", 401: "Check the token and the signing secret", 404: "Check the URL", 410: "no longer exists",
    429: "limits the number", 500: "Check the receiver and its log", 503: "Check the receiver and its log",
}  # fmt: skip


@pytest.mark.parametrize(("code", "remedy"), ANSWERS.items())
def test_an_answer_that_is_no_success_is_named_with_a_remedy(site_directory: Any, outgoing: Make, code: int, remedy: str) -> None:
    error = failed(status(code, body=b"<script>"), outgoing())
    assert f"answered HTTP {code}. " in str(error)
    assert remedy in str(error)
    assert "script" not in str(error)
    assert error.may_have_arrived is False


def test_a_redirect_is_not_followed(site_directory: Any, outgoing: Make) -> None:
    error = failed(status(307, Location="/elsewhere"), outgoing())
    assert ("redirects" in str(error), error.may_have_arrived) == (True, False)


def test_a_receiver_that_hangs_may_have_the_event(site_directory: Any, outgoing: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outbound.http.TOTAL_S", 2.0)
    error = failed(receivers.hang, outgoing())
    assert ("No answer" in str(error), error.may_have_arrived) == (True, True)


def test_a_receiver_that_answers_ten_megabytes_is_served(site_directory: Any, outgoing: Make) -> None:
    with http_receiver(status(200, body=b"x" * 10_000_000)) as receiver:
        send(receiver.url, outgoing())
    assert len(receiver.received) == 1


def test_an_address_of_this_machine_is_refused(site_directory: Any, outgoing: Make, settings: Any) -> None:
    settings.QMC_OUTBOUND_NETWORKS = ()
    with http_receiver() as receiver, pytest.raises(NotSent, match="a loopback address") as caught:
        send(receiver.url, outgoing())
    assert (receiver.received, caught.value.may_have_arrived) == ([], False)


def test_an_internal_ca_is_trusted_if_the_channel_has_it(
    site_directory: Any, outgoing: Make, authority: Authority, tls: ssl.SSLContext
) -> None:
    with http_receiver(context=tls) as receiver:
        with pytest.raises(NotSent, match="must trust this CA"):
            send(receiver.url, outgoing())
        send(receiver.url, outgoing(), ca=pem(authority))
    assert len(receiver.received) == 1


BAD = {
    "url": ["ftp://x.example/", "https://ann:a-secret@x.example/", "x"],
    "token": ["a b", "ü", "a\tb"],
    "secret": ["a-secret", "whsec_", "whsec_QUFB", "whsec_" + "a" * 30 + "!", "whsec_" + "QUFB" * 30],
    "ca": ["x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in BAD.items() for value in values])
def test_invalid_fields_are_refused(field: str, value: str) -> None:
    with pytest.raises(InputInvalid) as caught:
        checked("webhook", **{"url": "https://hooks.example/", field: value})
    assert caught.value.errors.keys() == {field}
    assert "a-secret" not in str(caught.value)


def test_the_address_has_no_path_and_no_token() -> None:
    assert KINDS["webhook"].address(checked("webhook", url="https://hooks.example:8443/in?token=1")) == "hooks.example:8443"


def test_a_token_is_not_sent_without_tls() -> None:
    with pytest.raises(InputInvalid, match="A token requires a URL that begins with https://"):
        checked("webhook", url="http://hooks.example/", token="t0ken")


def test_no_secret_is_logged(
    site_directory: Any, outgoing: Make, authority: Authority, tls: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "whsec_" + base64.b64encode(b"a-secret" * 4).decode()
    with http_receiver(status(500), tls) as receiver, pytest.raises(NotSent):
        send(receiver.url, outgoing(), secret=secret, token="a-secret", ca=pem(authority))
    assert [text for text in (secret, "a-secret") if text in caplog.text] == []
