"""Alerts of a whole site with two workers and two beats, on both engines, to a real mail server and a real webhook receiver."""

import base64
import contextlib
import json
import os
import signal
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from sitekit.engines import ENGINES
from sitekit.site import Site, running_site
from tests.environment import QUICK
from tests.receivers import Handler, MailReceiver, Request, http_receiver, mail_receiver, status
from tests.slow import takes_minutes

SECRET = "whsec_" + base64.b64encode(b"a signing secret of 32 bytes....").decode()


def workers(site: Site) -> list[int]:
    return site.pids("celery", "worker")


class Deaf:
    """The first time, no worker survives the request. Afterwards requests are answered."""

    def __init__(self) -> None:
        self.site: Site | None = None

    def __call__(self, handler: Handler) -> None:
        if self.site is None:
            status(204)(handler)
            return
        site, self.site = self.site, None
        for pid in workers(site):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def make(site: Site, path: str, body: Any) -> Any:
    code, answer = site.call("POST", path, body)
    assert code in (201, 202), answer
    return answer


def event(request: Request) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request.body)
    return found


def changes(requests: list[Request]) -> list[tuple[str, str]]:
    """The subject and the change of each alert in these events, also in digests."""
    found = [event(request)["data"] for request in requests]
    return [(alert["subject"], alert["change"]) for data in found for alert in data.get("alerts", [data]) if "change" in alert]


def texts(mailbox: MailReceiver) -> list[str]:
    """Subject and text of each mail."""
    mails = [message_from_bytes(envelope.content or b"", policy=default) for envelope in mailbox.received]
    return [f"{' '.join(str(mail['Subject']).split())}\n{mail.get_content()}" for mail in mails]


@takes_minutes
@pytest.mark.parametrize("on", ENGINES)
def test_alerts_of_a_whole_site(on: str, tmp_path: Path) -> None:
    deaf, mailbox = Deaf(), MailReceiver()
    environment = QUICK | {"QMC_OUTBOUND_NETWORKS": "127.0.0.0/8"}
    with (
        http_receiver(deaf) as receiver,
        mail_receiver(mailbox) as mail_port,
        running_site(tmp_path, on, agents=0, environment=environment, crowded=True) as site,
    ):
        webhook = make(
            site,
            "/alert-channels/",
            {"name": "monitoring", "kind": "webhook", "values": {"url": receiver.url, "secret": SECRET}},
        )
        values = {
            "recipients": "ops@site.example",
            "sender": "qmc@site.example",
            "host": "127.0.0.1",
            "port": str(mail_port),
            "security": "none",
        }
        mail = make(site, "/alert-channels/", {"name": "ops", "kind": "mail", "values": values})
        for channel in (webhook, mail):
            make(site, "/alert-routes/", {"channel": channel["id"], "least_severity": "info"})
            make(site, f"/alert-channels/{channel['id']}/test/", {})
        site.wait(lambda: receiver.received and mailbox.received, 30)
        assert event(receiver.received[0])["type"] == "trust-zone.test"

        # A worker is killed between sending and recording.
        deaf.site = site
        node = make(site, "/nodes/", {"name": "rim1", "host_name": "rim1.example"})
        site.wait(lambda: len(receiver.received) >= 2, 120)
        site.wait(lambda: site.keep_further() or len(receiver.received) >= 3, 120)
        first, second = (event(request) for request in receiver.received[1:3])
        assert ("rim1", "opened") in changes(receiver.received[1:2])
        assert (first["id"], first["data"]["title"]) == (second["id"], second["data"]["title"])
        assert (first.get("possiblerepeat"), second.get("possiblerepeat")) == (None, True)

        # Its cause goes away.
        (alert,) = site.call("GET", "/alerts/?code=node-not-registered")[1]["results"]
        code, answer = site.call("POST", f"/alerts/{alert['id']}/acknowledge/", {"note": "I register it today."})
        assert code == 200, answer
        assert site.call("DELETE", f"/nodes/{node['id']}/")[0] in (200, 202, 204)
        site.wait(lambda: ("rim1", "closed") in changes(receiver.received), 300)
        site.wait(lambda: any("Closed: rim1" in text for text in texts(mailbox)), 120)
        own = [change for subject, change in changes(receiver.received) if subject == "rim1"]
        assert own == ["opened", "opened", "acknowledged", "closed"]
        assert sum("rim1 is not registered yet" in text for text in texts(mailbox)) == 3
        for place, content in site.contents():
            assert SECRET.encode() not in content, place
