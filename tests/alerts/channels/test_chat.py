"""Chat and on-call services: what leaves the console is seen by a proxy that stands for the internet, and no URL leads elsewhere."""

import contextlib
import io
import json
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from alerts.channels.chat import plugins as chat
from alerts.channels.chat.catalog import SERVICES
from alerts.channels.kinds import KINDS, Outgoing
from alerts.errors import InputInvalid, NotSent
from pki.core.roles import Kind
from sitekit.authority import Authority
from tests.alerts.channels.conftest import checked
from tests.receivers import Respond, drip, server_context, status

Make = Callable[..., Outgoing]
SECRET = "TIiajkdnlazkcOXrIdevi7FQ"
# A URL of each service, and the only host that it leads to.
URLS = {
    "slack": (f"https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/{SECRET}", "hooks.slack.com"),
    "teams": (
        "https://prod-1.westeurope.logic.azure.com:443/workflows/643e69f83c8944438d68119179a10a64/triggers/manual/paths/invoke"
        f"?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={SECRET}",
        "prod-1.westeurope.logic.azure.com",
    ),
    "google-chat": (f"https://chat.googleapis.com/v1/spaces/AAAA/messages?key=kkkk&token={SECRET}", "chat.googleapis.com"),
    "webex": (f"https://webexapis.com/v1/webhooks/incoming/{SECRET * 4}", "api.ciscospark.com"),
    "discord": (f"https://discord.com/api/webhooks/012345678901234567/{SECRET * 2}", "discord.com"),
    "telegram": (f"tgram://123456789:{SECRET}/12315544", "api.telegram.org"),
    "pagerduty": (f"pagerduty://{SECRET}@key?region=eu", "events.eu.pagerduty.com"),
    "opsgenie": (f"opsgenie://{SECRET}?region=eu", "api.eu.opsgenie.com"),
    "signl4": (f"signl4://{SECRET}", "connect.signl4.com"),
    "splunk": (
        f"https://alert.victorops.com/integrations/generic/20131114/alert/5e8ee3e5-0ed0-4b4b-9ab5-c5e4a6bf1a3a/{SECRET}",
        "alert.victorops.com",
    ),
    "pushover": (f"pover://uuuuuuuuuuuuuuuuuuuuuuuuuuuuuu@{SECRET}aaaaaa", "api.pushover.net"),
    "ntfy": (f"https://ntfy.sh/{SECRET}", "ntfy.sh"),
}
BAD = {
    "slack": ["https://hooks.slack.com/services/", "https://evil.example/services/T1JJ3T3L2/A1BRTD4JD/x", "json://evil.example/", "slack://x",
              f"slack://T1JJ3T3L2/A1BRTD4JD/{SECRET}/%23one/%23two", "https://hooks.slack.com.evil.example/services/T1JJ3T3L2/A1BRTD4JD/x"],
    "teams": ["https://evil.example/workflows/643e69f83c8944438d68119179a10a64/triggers/manual/paths/invoke?sig=abcdefgh",
              "workflows://evil.example/643e69f83c8944438d68119179a10a64/abcdefgh1234",
              "workflows://evil.example%2F.logic.azure.com/643e69f83c8944438d68119179a10a64/abcdefgh1234",
              "workflows://logic.azure.com/643e69f83c8944438d68119179a10a64/abcdefgh1234",
              "workflows://x.logic.azure.com.evil.example/643e69f83c8944438d68119179a10a64/abcdefgh1234",
              "workflows://x.logic.azure.com:8080/643e69f83c8944438d68119179a10a64/abcdefgh1234",
              "workflows://x.logic.azure.us/643e69f83c8944438d68119179a10a64/abcdefgh1234"],
    "telegram": [f"tgram://123456789:{SECRET}/", f"tgram://123456789:{SECRET}/1/2"],
    "ntfy": ["ntfys://evil.example/topic", "ntfy://127.0.0.1/topic", "ntfys://ann:x@evil.example/topic", "ntfys://topic?mode=private",
             "https://ntfy.sh/topic?priority=5;mode=private", "ntfys://evil.example/topic?mode=cloud", "https://ntfy.sh.evil.example/topic"],
    "pagerduty": ["pagerduty://a@b?region=moon", "https://events.pagerduty.com/v2/enqueue", "pagerduty://", "slack://a/b/c"],
}  # fmt: skip
# Arguments that Apprise gives every service, or some of these.
ARGUMENTS = ["verify=no", "redirect=yes", "rto=999", "cto=999", "optional=yes", "retry=5", "template=/etc/passwd", "template=http://evil.example/",
             "attach=http://evil.example/", "store=no", "+x=1", "-x=1", ":x=1", "%76erify=no", "VERIFY=no", " verify=no", "x=1;verify=no", "port=1",
             "user=x", "pass=x", "action=resolve", "mode=hook", "avatar_url=http://evil.example/", "image=yes", "to=x", "tz=UTC"]  # fmt: skip


class Internet(ThreadingHTTPServer):
    """A proxy that answers as the host that was asked for. `respond` gives each answer."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), Tunnel)
        self.context = context
        self.hosts: list[str] = []
        self.received: list[tuple[str, dict[str, Any]]] = []
        self.respond: Respond = status(200, body=b"ok")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The console has closed the connection."""


class Tunnel(BaseHTTPRequestHandler):
    server: Internet

    def do_CONNECT(self) -> None:
        self.server.hosts.append(self.path)
        self.send_response(200)
        self.end_headers()
        with self.server.context.wrap_socket(self.connection, server_side=True) as inside:
            Answering(inside, self.client_address, self.server)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Answering(BaseHTTPRequestHandler):
    server: Internet

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        is_json = body.startswith("{")
        self.server.received.append((self.path, json.loads(body) if is_json else {"form": body}))
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.server.respond(self)  # type: ignore[arg-type]

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def internet(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Internet]:
    hosts = tuple(host for _, host in URLS.values())
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    with Internet(server_context(authority.pair(Kind.SERVER, names=hosts))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.server_address[1]}")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        yield server
        server.shutdown()
        thread.join()


def send(service: str, message: Outgoing) -> None:
    KINDS["chat"].send(checked("chat", service=service, url=URLS[service][0]), message)


def not_sent(service: str, message: Outgoing) -> NotSent:
    with pytest.raises(NotSent) as caught:
        send(service, message)
    assert SECRET not in str(caught.value)
    return caught.value


def test_every_service_has_a_url_here() -> None:
    assert URLS.keys() == SERVICES.keys()


@pytest.mark.parametrize("service", URLS)
def test_a_message_goes_to_the_host_of_the_service_only(service: str, outgoing: Make, internet: Internet) -> None:
    if service == "opsgenie":
        internet.respond = status(202, body=b'{"requestId": "1"}')
    send(service, outgoing())
    assert internet.hosts == [f"{URLS[service][1]}:443"]
    ((_, content),) = internet.received
    assert "has+not+called" in content["form"] if "form" in content else "has not called" in json.dumps(content)
    assert "console.example" in json.dumps(content)


def test_slack_shows_title_text_and_address(outgoing: Make, internet: Internet) -> None:
    send("slack", outgoing(possible_repeat=True))
    ((path, content),) = internet.received
    assert path == f"/services/T1JJ3T3L2/A1BRTD4JD/{SECRET}"
    text = json.dumps(content, ensure_ascii=False)
    for words in (
        "rim1 has not called for 3 min",
        "expire in 4 days",
        "Start the agent — “now”",
        "https://console.example/nodes/7/",
        "may be a repeat",
    ):
        assert words in text
    assert "github" not in text


def test_closing_an_alert_resolves_its_incident(outgoing: Make, internet: Internet) -> None:
    """The messages of one alert have one key. Another alert has another key."""
    internet.respond = status(202, body=b'{"status": "success"}')
    for event, alert in (("alert.opened", "a1"), ("alert.escalated", "a1"), ("alert.opened", "a2"), ("alert.closed", "a1")):
        send("pagerduty", outgoing(event_type=event, data={"alert_id": alert}))
    assert [(content["event_action"], content["dedup_key"]) for _, content in internet.received] == [
        ("trigger", "a1"), ("trigger", "a1"), ("trigger", "a2"), ("resolve", "a1"),
    ]  # fmt: skip
    internet.received.clear()
    internet.respond = status(200)
    for event in ("alert.opened", "alert.closed"):
        send("splunk", outgoing(event_type=event, data={"alert_id": "a1"}))
        send("signl4", outgoing(event_type=event, data={"alert_id": "a1"}))
    assert [(content.get("message_type"), content.get("entity_id")) for _, content in internet.received[::2]] == [
        ("WARNING", "a1"),
        ("RECOVERY", "a1"),
    ]
    assert [(content.get("X-S4-Status"), content.get("X-S4-ExternalID")) for _, content in internet.received[1::2]] == [
        (None, "a1"),
        ("resolved", "a1"),
    ]


def test_opsgenie_gets_a_closing_as_an_alert_of_its_own(outgoing: Make, internet: Internet) -> None:
    internet.respond = status(202, body=b'{"requestId": "1"}')
    for event in ("alert.opened", "alert.closed"):
        send("opsgenie", outgoing(event_type=event, data={"alert_id": "a1"}))
    assert [(content["alias"], content["priority"]) for _, content in internet.received] == [("a1", "P3"), ("a1-closed", "P5")]


def test_a_long_text_keeps_the_address_of_the_page(outgoing: Make, internet: Internet) -> None:
    for service in ("discord", "pagerduty", "splunk", "teams"):
        internet.received.clear()
        internet.respond = status(202)
        with contextlib.suppress(NotSent):
            send(service, outgoing(text="- a line of the digest\n" * 500))
        ((_, content),) = internet.received
        assert "…" in json.dumps(content, ensure_ascii=False), service
        assert "https://console.example/nodes/7/" in json.dumps(content), service


@pytest.mark.parametrize(("code", "words"), [(404, "answered HTTP 404"), (429, "limits messages"), (500, "answered HTTP 500")])
def test_what_a_service_refuses_has_not_arrived(code: int, words: str, outgoing: Make, internet: Internet) -> None:
    internet.respond = status(code)
    error = not_sent("splunk", outgoing())
    assert (words in str(error), error.may_have_arrived) == (True, False)


def test_a_redirect_is_not_followed(outgoing: Make, internet: Internet) -> None:
    internet.respond = status(307, Location="https://evil.example/")
    for service in URLS:
        not_sent(service, outgoing())
    assert [host for host in internet.hosts if "evil" in host] == []
    assert len(internet.hosts) == len(URLS)


def test_a_certificate_of_another_authority_is_refused(outgoing: Make, internet: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    error = not_sent("slack", outgoing())
    assert ("No connection to Slack" in str(error), error.may_have_arrived, internet.received) == (True, False, [])


def test_without_a_connection_nothing_has_arrived(outgoing: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed.getsockname()[1]}")
    error = not_sent("pagerduty", outgoing())
    assert ("No connection to PagerDuty" in str(error), error.may_have_arrived) == (True, False)


def test_a_service_that_does_not_answer_may_have_the_message(outgoing: Make, internet: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    internet.respond = drip  # type: ignore[assignment]
    monkeypatch.setattr(chat, "TOTAL_S", 2.0)
    error = not_sent("slack", outgoing())
    assert ("did not answer within 2 s" in str(error), error.may_have_arrived) == (True, True)


def test_a_connection_that_breaks_after_the_request_may_have_the_message(outgoing: Make, internet: Internet) -> None:
    internet.respond = lambda handler: handler.connection.close()
    error = not_sent("discord", outgoing())
    assert ("did not confirm" in str(error), error.may_have_arrived) == (True, True)


@pytest.mark.parametrize(("service", "url"), [(service, url) for service, urls in BAD.items() for url in urls])
def test_a_url_that_leads_elsewhere_or_to_several_receivers_is_refused(service: str, url: str) -> None:
    with pytest.raises(InputInvalid) as caught:
        checked("chat", service=service, url=url)
    assert f"This is not a URL for one receiver at {SERVICES[service].label}. Enter " in caught.value.errors["url"][0]
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("service", URLS)
def test_no_other_argument_of_apprise_is_accepted(service: str) -> None:
    url = URLS[service][0]
    for argument in ARGUMENTS:
        for tried in (f"{url}{'&' if '?' in url else '?'}{argument}", f"{url}#?{argument}"):
            with pytest.raises(InputInvalid):
                checked("chat", service=service, url=tried)


def test_no_url_of_one_service_is_accepted_for_another() -> None:
    for service in URLS:
        for other, (url, _) in URLS.items():
            if other != service:
                with pytest.raises(InputInvalid):
                    checked("chat", service=service, url=url)


def test_no_secret_is_logged(outgoing: Make, internet: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Apprise and urllib3 log the URL, but to no handler of the console. The test's own handlers would see it."""
    logged, root = io.StringIO(), logging.getLogger()
    monkeypatch.setattr(root, "handlers", [logging.StreamHandler(logged)])
    monkeypatch.setattr(root, "level", logging.DEBUG)
    logging.getLogger("other").debug("this is logged")
    send("slack", outgoing())
    internet.respond = status(500)
    not_sent("slack", outgoing())
    with pytest.raises(InputInvalid):
        checked("chat", service="slack", url=URLS["slack"][0] + "?x=1")
    assert logged.getvalue() == "this is logged\n"


def test_the_address_is_the_service() -> None:
    assert KINDS["chat"].address(checked("chat", service="splunk", url=URLS["splunk"][0])) == "Splunk On-Call (VictorOps)"
