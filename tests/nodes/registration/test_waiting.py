"""The form waits for the agent: its checks repeat, it says so, it can be stopped, and it goes on if the person asked for it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from nodes.models import Node
from nodes.registration.view_models import MOST_CHECKS
from pki.core.findings import Finding
from tests import factories

FORM = {"name": "rim1", "host_name": "rim1.example", "address": "127.0.0.9", "distribution_port": "4444", "node_port": "5242"}
CLOSED = Finding("port-closed", "blocker", "Port 4444 does not answer.", "Start the agent.")
EXPIRED = Finding("root-expired", "blocker", "The root certificate has expired.", "Recreate it.")
ANSWERS = Finding("agent", "ok", "The agent answers.")
WAITS, GOES_ON, STOPPED = "Waiting for the agent", 'data-press="act-register"', "stopped after 30 minutes"
Sets = Callable[[list[Finding]], list[datetime]]


def check(client: Client, **typed: Any) -> str:
    """The answer to the form, which waits if it ran checks before."""
    headers = {"HX-Request": "true", "HX-Trigger": "waiting" if "checks" in typed else "act-check"}
    answer = client.post("/nodes/register/checks/", FORM | typed, headers=headers, secure=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


# what the network finds, what was typed → what the answer has, and what it has not
CASES: dict[str, tuple[list[Finding], dict[str, Any], list[str], list[str]]] = {
    "the port is closed": ([CLOSED], {}, [WAITS, "127.0.0.9, port 4444", 'name="checks" value="1"'], [GOES_ON]),
    "it is still closed": ([CLOSED], {"checks": "7", "seen": "SEEN"}, [WAITS, 'name="checks" value="8"'], [CLOSED.title]),
    "another problem": ([CLOSED], {"checks": "7", "seen": "agent:ok"}, [WAITS, CLOSED.title, 'id="findings" hx-swap-oob'], []),
    "waiting does not help": ([CLOSED, EXPIRED], {}, [EXPIRED.title], [WAITS]),
    "it answers": ([ANSWERS], {"checks": "7", "seen": "SEEN"}, [ANSWERS.title, 'id="waiting"'], [WAITS, GOES_ON]),
    "it answers, and the person asked for more": ([ANSWERS], {"checks": "7", "when_ready": "on"}, [GOES_ON], [WAITS]),
    "the form has an error meanwhile": ([ANSWERS], {"checks": "7", "when_ready": "on", "address": "10.4."}, [WAITS, "The form has an error"], [GOES_ON]),
    "half an hour": ([CLOSED], {"checks": str(MOST_CHECKS)}, [STOPPED], [WAITS]),
    "stopped": ([ANSWERS], {"checks": "7", "when_ready": "on", "stop": "1"}, [], [WAITS, GOES_ON, ANSWERS.title]),
    "no number": ([CLOSED], {"checks": "-1e9"}, ['name="checks" value="1"'], []),
}  # fmt: skip


@pytest.mark.parametrize(("findings", "typed", "has", "has_not"), CASES.values(), ids=CASES.keys())
def test_the_form_waits_only_as_long_as_it_helps(
    client: Client, calls: Sets, findings: list[Finding], typed: dict[str, Any], has: list[str], has_not: list[str]
) -> None:
    calls(findings)
    if typed.get("seen") == "SEEN":
        first = check(client)
        typed = typed | {"seen": first.split('name="seen" value="')[1].split('"')[0] if WAITS in first else ""}
    page = check(client, **typed)
    assert [text for text in has if text not in page] == []
    assert [text for text in has_not if text in page] == []
    assert not Node.objects.filter(name="rim1").exists()


def test_a_refused_registration_waits_too_and_loses_nothing(client: Client, calls: Sets) -> None:
    calls([CLOSED])
    page = client.post("/nodes/register/", FORM | {"when_ready": "on", "notes": "Second rack"}, secure=True).content.decode()
    assert WAITS in page
    assert 'name="when_ready" checked' in page
    assert "Second rack</textarea>" in page


def test_a_node_that_is_not_registered_has_the_line_too(client: Client, calls: Sets) -> None:
    calls([])
    node = factories.node("rim1", at=timezone.now(), state="created", address="10.0.0.5", distribution_port=5444)
    page = client.get(f"/nodes/{node.pk}/", secure=True).content.decode()
    assert ">10.0.0.5</span> --distribution-port 5444</pre>" in page
    assert 'id="root-fingerprint"' in page


def test_the_line_to_copy_has_what_the_form_has(client: Client, calls: Sets) -> None:
    calls([CLOSED])
    assert ">ADDRESS</span>" in client.get("/nodes/register/", secure=True).content.decode()
    page = client.post("/nodes/register/", FORM, secure=True).content.decode()
    assert ">127.0.0.9</span> --node-port 5242</pre>" in page
    page = client.post("/nodes/register/", FORM | {"address": "", "node_port": "4242"}, secure=True).content.decode()
    assert ">rim1.example</span></pre>" in page
