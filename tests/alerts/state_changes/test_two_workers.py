"""Several workers send the changes of one channel, and one is killed while it sends. Whole processes, on both engines."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sitekit.engines import ENGINES
from tests.programs import site_processes
from tests.receivers import Handler, HttpReceiver, http_receiver, status

EVENTS, WORKERS, KILLED_AT = 60, 4, 20
SETUP = """
import sys
import django; django.setup()
from django.utils import timezone
from alerts.channels.services import channel_create
from audit.actors import SYSTEM
from audit.record import record
from tests import factories

now = timezone.now()
channel_create(actor=SYSTEM, name="inventory", kind="webhook", values={"url": sys.argv[1]}, state_changes=["nodes"], now=now)
nodes = [factories.node(f"rim{number}", at=now) for number in range(3)]
for number in range(int(sys.argv[2])):
    record(actor=SYSTEM, action="node.transition", target=nodes[number % 3], detail={"from": "issuing", "to": "failed", "number": number}, now=now)
"""
WORK = """
import threading
import django; django.setup()
from django.db import connection
from django.utils import timezone
from alerts.state_changes.events import changes_after
from alerts.state_changes.services import state_changes_start
from alerts.models import Channel
from jobs.tasks import run

def work():
    try:
        while changes_after(Channel.objects.get().last_sequence, ["nodes"]).exists():
            state_changes_start(now=timezone.now())
            run()
    finally:
        connection.close()

threads = [threading.Thread(target=work) for _ in range(WORKERS)]
for thread in threads: thread.start()
for thread in threads: thread.join()
""".replace("WORKERS", str(WORKERS))

# Instead of waiting for the lease of a killed worker.
RETURN_LEASE = """
import django; django.setup()
from jobs.leases import RETURNED
from jobs.models import Job

Job.objects.unfinished().update(lease_until=RETURNED)
"""


@pytest.fixture(params=ENGINES)
def process(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """Starts a process on a new site."""
    with site_processes(request.param, tmp_path) as start:
        yield start


def ended(process: "subprocess.Popen[bytes]") -> None:
    assert process.wait(60) == 0


def numbers(receiver: HttpReceiver) -> list[int]:
    return [event["data"]["detail"]["number"] for event in events(receiver)]


def events(receiver: HttpReceiver) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in receiver.received]


def test_several_workers_neither_repeat_nor_reorder(process: Callable[..., "subprocess.Popen[bytes]"]) -> None:
    with http_receiver() as receiver:
        ended(process(SETUP, receiver.url, str(EVENTS)))
        for one in [process(WORK) for _ in range(2)]:
            ended(one)
        assert numbers(receiver) == list(range(EVENTS))
        assert not [event for event in events(receiver) if "possiblerepeat" in event]


def test_a_worker_that_is_killed_while_it_sends_causes_one_marked_repeat(process: Callable[..., "subprocess.Popen[bytes]"]) -> None:
    reached, held = threading.Event(), threading.Event()

    def respond(handler: Handler) -> None:
        if len(handler.server.received) == KILLED_AT:
            reached.set()
            held.wait(60)
        status(204)(handler)

    with http_receiver(respond) as receiver:
        ended(process(SETUP, receiver.url, str(EVENTS)))
        worker = process(WORK)
        assert reached.wait(60)
        worker.kill()
        worker.wait(20)
        held.set()
        ended(process(RETURN_LEASE))
        ended(process(WORK))
        found = events(receiver)
    last = KILLED_AT - 1
    assert numbers(receiver) == [*range(last + 1), *range(last, EVENTS)]
    assert [number for number, event in enumerate(found) if "possiblerepeat" in event] == [KILLED_AT]
    assert found[KILLED_AT]["id"] == found[last]["id"]
