"""Bulk work in the REST API."""

import json
import uuid
from typing import Any

import pytest
from django.test import Client

from bulk.actions import Action
from bulk.models import BulkWork
from people.models import ApiToken
from tests import factories
from tests.bulk.conftest import NOW, nodes
from tests.bulk.test_worker import work_through

pytestmark = pytest.mark.usefixtures("site_directory")


@pytest.fixture
def client() -> Client:
    return factories.administrator()


def send(client: Client, path: str, body: Any = None, **headers: str) -> Any:
    return client.post(f"/api/v1/bulk/{path}", json.dumps(body or {}), content_type="application/json", secure=True, headers=headers)


def test_a_preview_changes_nothing_and_the_work_reports_each_row(client: Client, action: Action) -> None:
    body = {"action": "nodes.try", "ids": [str(pk) for pk in nodes("rim1", "no1", "refused1")]}
    answer = send(client, "", body | {"preview": True})
    found = answer.json()
    assert (answer.status_code, found["title"], found["total"], found["possible"]) == (200, "Try 2 nodes", 3, 2)
    assert [refused["reason"] for refused in found["refused"]] == ["It may not. Ask first."]
    assert not BulkWork.objects.exists()
    answer = send(client, "", body)
    assert answer.status_code == 202
    work = BulkWork.objects.get()
    work_through(work)
    found = client.get(f"/api/v1/bulk/{work.pk}/", secure=True).json()
    assert (found["state"], found["begun_by"]) == ("finished", "ann")
    assert found["counts"] == {"waiting": 0, "done": 1, "refused": 2, "failed": 0, "cancelled": 0}
    rows = client.get(f"/api/v1/bulk/{work.pk}/items/?state=refused", secure=True).json()["results"]
    assert [(row["label"], row["text"]) for row in rows] == [("no1", "It may not. Ask first."), ("refused1", "It is in use. Wait.")]


def test_rows_are_chosen_by_the_filters_of_the_list(client: Client, action: Action) -> None:
    nodes("rim1", "rim2", "other")
    found = send(client, "", {"action": "nodes.try", "filter": {"search": "rim"}, "preview": True}).json()
    assert found["total"] == 2
    for given, field in (({"helth": "x"}, "filter.helth"), ({"state": "coffee"}, "filter.state")):
        answer = send(client, "", {"action": "nodes.try", "filter": given})
        assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (400, [field])


def test_bad_input_is_refused(client: Client, action: Action) -> None:
    (pk,) = nodes("rim1")
    for body, status in (
        ({"action": "nodes.forget", "ids": [str(pk)]}, 404), ({"action": "nodes.try"}, 400), ({"action": "nodes.try", "ids": []}, 400),
        ({"action": "nodes.try", "ids": [str(pk)], "filter": {}}, 400), ({"action": "nodes.try", "ids": [str(pk)], "parameters": {"x": 1}}, 400),
    ):  # fmt: skip
        assert send(client, "", body).status_code == status, body
    assert not BulkWork.objects.exists()


def test_a_repeated_request_begins_once(client: Client, action: Action) -> None:
    body = {"action": "nodes.try", "ids": [str(pk) for pk in nodes("rim1")]}
    answers = [send(client, "", body, idempotency_key="tonight").json()["id"] for _ in range(2)]
    assert answers[0] == answers[1]
    assert BulkWork.objects.count() == 1


def test_secrets_are_answered_once_to_the_token_that_began(client: Client, action: Action) -> None:
    owner = factories.root_admin("bob")
    key = factories.token(owner, "nightly", at=NOW.replace(year=2036))
    header = {"authorization": f"Bearer {key}"}
    ApiToken.objects.update(expires_at=None)
    made = send(Client(), "", {"action": "nodes.try", "ids": [str(pk) for pk in nodes("rim1")]}, **header).json()
    work = BulkWork.objects.get(pk=made["id"])
    work_through(work)
    assert "Only token nightly" in send(client, f"{work.pk}/secrets/").json()["detail"]
    answer = send(Client(), f"{work.pk}/secrets/", **header)
    assert [row["secret"] for row in answer.json()["results"]] == ["secret of rim1"]
    assert answer["Cache-Control"] == "no-store"
    assert send(Client(), f"{work.pk}/secrets/", **header).status_code == 409


def test_work_is_cancelled(client: Client, action: Action) -> None:
    made = send(client, "", {"action": "nodes.try", "ids": [str(pk) for pk in nodes("rim1")]}).json()
    assert send(client, f"{made['id']}/cancel/").json()["state"] == "cancelling"
    assert send(client, f"{made['id']}/cancel/").status_code == 409
    assert send(client, f"{uuid.uuid4()}/cancel/").status_code == 404


def test_work_is_cancelled_as_a_job(client: Client, action: Action) -> None:
    made = send(client, "", {"action": "nodes.try", "ids": [str(pk) for pk in nodes("rim1", "rim2")]}).json()
    (job,) = client.get("/api/v1/jobs/?kind=bulk", secure=True).json()["results"]
    assert job["subject_path"] == f"/bulk/{made['id']}/"
    answer = client.post(f"/api/v1/jobs/{job['id']}/cancel/", content_type="application/json", secure=True)
    assert (answer.status_code, answer.json()["state"]) == (200, "waiting")  # the worker ends it
    work_through(BulkWork.objects.get())
    assert BulkWork.objects.get().state == "cancelled"
    assert client.get(f"/api/v1/jobs/{job['id']}/", secure=True).json()["state"] == "cancelled"
