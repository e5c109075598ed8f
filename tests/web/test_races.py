"""Many requests at once with one key, or with one version, and processes that are killed: each request is done once, on both engines: `make test` uses one, `make faults` both."""

from pathlib import Path

import pytest

from sitekit.engines import ENGINES
from tests.programs import printed_by
from tests.slow import RUN_SLOW

MANY = 1000 if RUN_SLOW else 40
RACE = """
import json, logging, os
from datetime import timedelta
import django; django.setup()
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from django.db import connections
from django.test import Client
from django.utils import timezone
from audit.models import Event
from certs.models import Deployment
from nodes.cluster import api as deployments
from web import once
from tests import factories
from web.models import KeyedRequest

logging.disable(logging.ERROR)
token = factories.token(factories.root_admin("ann"), "race", at=timezone.now())

def send(method, path, body, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()} | {"Authorization": f"Bearer {token}"}
    try:
        answer = Client().generic(method, f"/api/v1/{path}", json.dumps(body), content_type="application/json", secure=True, headers=headers)
        return answer.status_code, answer.json().get("type", answer.json().get("id", "")).rpartition(":")[2], answer.get("ETag")
    finally:
        connections.close_all()

def at_once(act):
    with ThreadPoolExecutor(16) as threads:
        return [*threads.map(act, range(MANY))]

body = {"name": "cloud", "api_address": "https://cloud.example", "audience": "cloud.example"}
created = at_once(lambda number: send("POST", "deployments/", body, Idempotency_Key="one"))
made = Deployment.objects.get()
path = f"deployments/{made.pk}/"
_, _, etag = send("GET", path, None)
changed = at_once(lambda number: send("PUT", path, body | {"audience": f"{number}.example"}, If_Match=etag))

def killed(name, module, function):
    # A process sends a request, and is killed when it calls this function. Afterwards the request is sent again: at once, and after the lease.
    body = {"name": name, "api_address": "https://cloud.example", "audience": "cloud.example"}
    connections.close_all()
    pid = os.fork()
    if pid == 0:
        setattr(module, function, lambda *_, **__: os._exit(9))
        send("POST", "deployments/", body, Idempotency_Key=name)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    before, again = Deployment.objects.filter(name=name).count(), send("POST", "deployments/", body, Idempotency_Key=name)[:2]
    KeyedRequest.objects.filter(key=name).update(lease_until=timezone.now() - timedelta(seconds=1))
    status, kind, _ = send("POST", "deployments/", body, Idempotency_Key=name)
    return [before, *again, status, "" if status == 201 else kind, Deployment.objects.filter(name=name).count()]

print(json.dumps({
    "killed": {
        "before the change": killed("before", deployments, "deployment_create"),
        "in its transaction": killed("during", Event.objects, "bulk_create"),
        "after the change": killed("after", once, "answer_keep"),
    },
    "created": Counter(f"{status} {kind if status > 299 else kind == str(made.pk)}" for status, kind, _ in created),
    "changed": Counter(f"{status} {kind if status > 299 else ''}" for status, kind, _ in changed),
}))
"""


@pytest.mark.parametrize("on", ENGINES)
def test_a_request_is_done_once_whatever_happens(on: str, tmp_path: Path) -> None:
    found = printed_by(RACE.replace("MANY", str(MANY)), on=on, folder=tmp_path / "var")
    created, changed = found["created"], found["changed"]
    assert {*created} <= {"201 True", "409 request-in-progress"}
    assert sum(created.values()) == MANY
    assert created["201 True"] >= 1
    assert changed == {"200 ": 1, "412 version-changed": MANY - 1}
    assert found["killed"] == {
        "before the change": [0, 409, "request-in-progress", 201, "", 1],
        "in its transaction": [0, 409, "request-in-progress", 201, "", 1],
        "after the change": [1, 409, "request-in-progress", 409, "answer-lost", 1],
    }
