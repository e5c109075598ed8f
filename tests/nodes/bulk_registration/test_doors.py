"""From a table to registered nodes, by page and API: nothing is made before the decision, and a worker that ends in between makes nothing twice."""

import json
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from audit.actors import Actor
from bulk.models import BulkWork
from nodes.bulk_registration.bulk import REGISTER
from nodes.errors import NodeUnreachable
from nodes.models import Node, NodeTag, Registration
from pki.core.findings import Finding
from tests.bulk.test_worker import work_through

TABLE = "name,host_name,address,tags\nrim1,rim1.example,127.0.0.7,prod\nrim2,rim2.example,127.0.0.8,\nrim3,rim3.example,127.0.0.9,\n"
CLOSED = Finding("port-closed", "blocker", "Port 4444 does not answer.", "Start the agent.")
LATE = Finding("clock-skew", "warning", "The node's clock is 2 min ahead.", "Correct the time.")
Sets = Callable[[list[Finding]], list[datetime]]


def give(client: Client, table: str, **fields: Any) -> Any:
    return client.post("/nodes/register-many/", {"table": table} | fields, secure=True)


def work_of(answer: Any) -> BulkWork:
    assert answer.status_code == 302, answer.content.decode()[:3000]
    return BulkWork.objects.get(pk=answer["Location"].split("/")[2])


def states(work: BulkWork) -> list[tuple[int, str, str]]:
    return list(work.items.values_list("number", "label", "state"))


def test_a_wrong_table_makes_nothing_and_loses_nothing(client: Client, calls: Sets) -> None:
    calls([])
    wrong = TABLE + "rim1,<script>,,=1+1\n"
    answer = give(client, wrong)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "3 errors in 1 line. Nothing was made." in page
    assert "Line 2 has the same name." in page
    assert "<script>,,=1+1" not in page
    assert "rim1,&lt;script&gt;,,=1+1" in page
    file = give(client, wrong, errors="csv")
    lines = b"".join(file).decode().splitlines()
    assert file["Content-Type"].startswith("text/csv")
    assert lines[0] == "line,column,problem"
    assert len(lines) == 4
    assert not BulkWork.objects.exists()


def test_a_file_is_taken_and_a_wrong_one_is_put_into_the_form(client: Client, calls: Sets) -> None:
    calls([])
    wrong = SimpleUploadedFile("nodes.csv", b"\xef\xbb\xbf" + TABLE.replace("rim3.example", "rim 3").encode())
    page = give(client, "ignored", file=wrong).content.decode()
    assert "1 error in 1 line" in page
    assert "rim3,rim 3,127.0.0.9,\n</textarea>" in page
    page = give(client, "", file=SimpleUploadedFile("nodes.csv", b"name,host_name\nr\xfcm,rum.example\n")).content.decode()
    assert "Line 2</span> This line is not UTF-8" in page
    assert states(work_of(give(client, "", file=SimpleUploadedFile("nodes.csv", TABLE.encode()))))[0] == (2, "rim1", "waiting")


def test_nodes_are_registered_after_the_checks_and_a_decision(client: Client, calls: Sets) -> None:
    made = calls([LATE])
    checks = work_of(give(client, TABLE))
    assert client.get(f"/nodes/register-many/{checks.pk}/", secure=True)["Location"] == f"/bulk/{checks.pk}/"
    work_through(checks)
    assert states(checks) == [(2, "rim1", "done"), (3, "rim2", "done"), (4, "rim3", "done")]
    assert not Node.objects.filter(name__startswith="rim").exists()
    next_page = f"/nodes/register-many/{checks.pk}/"
    assert next_page in client.get(f"/bulk/{checks.pk}/", secure=True).content.decode()
    assert "Register 3 nodes?" in client.get(next_page, secure=True).content.decode()
    work = work_of(client.post(next_page, secure=True))
    assert work == work_of(client.post(next_page, secure=True))
    work_through(work)
    assert len(made) == 6
    assert Registration.objects.count() == Node.objects.filter(state="issuing").count() == 3
    assert NodeTag.objects.filter(tag="prod", node__name="rim1").exists()
    assert set(work.items.values_list("subject", flat=True)) == set(
        Node.objects.filter(name__startswith="rim").values_list("pk", flat=True)
    )
    assert work.items.filter(sealed_secret__isnull=False).count() == 3
    assert client.get(f"/bulk/{work.pk}/", secure=True).content.decode().count("making keys") == 3


def test_the_agents_of_several_rows_are_asked_at_once(client: Client, calls: Sets, monkeypatch: pytest.MonkeyPatch) -> None:
    calls([])
    all_ask, asked = threading.Barrier(3, timeout=20), []

    def ask(node: Node, *_: object, **__: object) -> None:
        all_ask.wait()  # it is broken if one is asked after the other
        asked.append(node.dialled)
        raise NodeUnreachable("No answer.")

    monkeypatch.setattr("nodes.registration.preflight.ask", ask)
    work_through(work_of(give(client, TABLE)))
    assert sorted(asked) == ["127.0.0.7", "127.0.0.8", "127.0.0.9"]


def test_what_a_check_blocks_is_left_out(client: Client, calls: Sets) -> None:
    calls([CLOSED])
    checks = work_of(give(client, TABLE))
    work_through(checks)
    assert set(checks.items.values_list("text", flat=True)) == {"Port 4444 does not answer. Start the agent."}
    page = client.get(f"/bulk/{checks.pk}/", secure=True).content.decode()
    assert "act-next" not in page
    assert "No node is ready" in client.get(f"/nodes/register-many/{checks.pk}/", secure=True).content.decode()
    assert client.post(f"/nodes/register-many/{checks.pk}/", secure=True).status_code == 409
    assert not Node.objects.filter(name__startswith="rim").exists()


def test_a_row_that_is_done_again_finds_its_node_and_its_password(client: Client, calls: Sets) -> None:
    calls([])
    checks = work_of(give(client, TABLE))
    work_through(checks)
    work = work_of(client.post(f"/nodes/register-many/{checks.pk}/", secure=True))
    actor, item = Actor("user", "ann", User.objects.get()), work.items.first()
    assert item is not None
    first, again = (REGISTER.run(item, {}, actor, timezone.now()) for _ in range(2))
    assert (first.subject, first.secret) == (again.subject, again.secret)
    assert Registration.objects.count() == 1
    assert first.secret not in repr(first)


def send(client: Client, body: dict[str, Any], **headers: str) -> Any:
    return client.post("/api/v1/nodes/bulk/", json.dumps(body), content_type="application/json", secure=True, headers=headers)


def rows(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "host_name": f"{name}.example", "address": "127.0.0.9", "tags": ["Prod"]} for name in names]


def test_the_api_registers_many_once(client: Client, calls: Sets) -> None:
    calls([])
    for _ in range(2):
        answer = send(client, {"nodes": rows("rim1", "rim2")}, **{"Idempotency-Key": "a"})
        assert (answer.status_code, answer.json()["title"]) == (202, "Register 2 nodes")
    work = BulkWork.objects.get()
    work_through(work)
    assert Node.objects.filter(state="issuing", tag_rows__tag="prod").count() == 2
    assert work.items.filter(sealed_secret__isnull=False).count() == 2


def test_the_api_only_checks_if_it_is_asked_to(client: Client, calls: Sets) -> None:
    calls([CLOSED])
    assert send(client, {"nodes": rows("rim1"), "check": True}).json()["title"] == "Check 1 new node"
    work_through(BulkWork.objects.get())
    assert not Node.objects.filter(name="rim1").exists()


WRONG: dict[str, tuple[Any, str]] = {
    "no rows": ([], "nodes"), "no list": ({}, "nodes"), "not a row": ([5], "nodes.0"), "an unknown field": ([{"name": "a", "host_name": "a.example", "color": "red"}], "nodes.0.color"),
    "a wrong name": ([*rows("rim1"), {"name": "b", "host_name": "b b"}], "nodes.1.host_name"), "twice": (rows("rim1", "RIM1"), "nodes.1.host_name"),
}  # fmt: skip


@pytest.mark.parametrize(("nodes", "field"), WRONG.values(), ids=WRONG.keys())
def test_the_api_names_each_wrong_field_of_each_row(client: Client, calls: Sets, nodes: Any, field: str) -> None:
    answer = send(client, {"nodes": nodes})
    assert answer.status_code == 400
    assert any(error["field"].startswith(field) for error in answer.json()["errors"]), answer.json()["errors"]
    assert not BulkWork.objects.exists()
