"""One press of Register runs the checks once: the start uses what they found, and its page shows the warnings."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from nodes.models import Node, Registration
from nodes.registration import services
from pki.core.findings import Finding

FORM = {"name": "rim1", "host_name": "rim1.example", "address": "127.0.0.9", "distribution_port": "4444", "node_port": "4242"}
LATE = Finding("clock-skew", "warning", "The node's clock is 2 min ahead.", "Correct the time on the node.")
CLOSED = Finding("port-closed", "blocker", "Port 4444 does not answer.", "Start the agent.")
Calls = list[datetime]


def press_register(client: Client) -> tuple[int, str]:
    answer = client.post("/nodes/register/", FORM, secure=True)
    return answer.status_code, answer.content.decode()


def test_the_start_uses_the_checks_of_the_same_press(client: Client, calls: Callable[[list[Finding]], Calls]) -> None:
    made = calls([LATE])
    status, page = press_register(client)
    assert (status, len(made), Registration.objects.count()) == (200, 1, 1)
    assert LATE.title in page.replace("&#x27;", "'")
    assert LATE.remedy in page


def test_a_blocker_creates_nothing(client: Client, calls: Callable[[list[Finding]], Calls]) -> None:
    made = calls([CLOSED])
    status, page = press_register(client)
    assert (status, len(made), Node.objects.filter(name="rim1").exists()) == (409, 1, False)
    assert CLOSED.title in page


def test_checks_that_became_old_are_run_again(
    client: Client, calls: Callable[[list[Finding]], Calls], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = calls([])
    start = services._start

    def late(*arguments: object) -> object:
        return start(*arguments[:-1], timezone.now() + timedelta(minutes=1))  # type: ignore[arg-type]

    monkeypatch.setattr(services, "_start", late)
    assert press_register(client)[0] == 200
    assert len(made) == 2


def test_a_redistribution_and_the_api_run_the_checks_once(client: Client, calls: Callable[[list[Finding]], Calls]) -> None:
    made = calls([LATE])
    press_register(client)
    node = Node.objects.get(name="rim1")
    for path in (f"/nodes/{node.pk}/redistribute/", f"/api/v1/nodes/{node.pk}/register/"):
        Node.objects.filter(pk=node.pk).update(state="failed")
        before = len(made)
        answer = client.post(path, content_type="application/json" if "api" in path else "application/x-www-form-urlencoded", secure=True)
        assert (answer.status_code in (200, 202), len(made) - before) == (True, 1)
    assert answer.json().keys() == {"password", "setup_url", "expires_at", "state"}
