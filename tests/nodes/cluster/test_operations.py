"""The manual configuration of the cluster certificate in the API."""

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12
from django.test import Client
from django.utils import timezone

from audit.models import Event
from certs.cluster.services import cluster_current
from nodes.models import Node, Observation
from tests import factories

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture
def client(site_directory: Path) -> Client:
    return factories.administrator()


def token() -> dict[str, str]:
    return {"Authorization": f"Bearer {factories.token(factories.root_admin('bob'), 'nightly', at=timezone.now())}"}


def send(client: Client, method: str, path: str, body: Any = None, **headers: str) -> Any:
    return client.generic(
        method, f"/api/v1/cluster/{path}", "" if body is None else body, content_type="application/json", secure=True, headers=headers
    )


def test_an_import_by_hand_is_marked_and_taken_back(client: Client) -> None:
    node = factories.registered_node()
    path = f"nodes/{node.pk}/"
    read = send(client, "GET", path)
    assert (read.json()["node"], read.json()["ticked_at"]) == (str(node.pk), None)
    marked = send(client, "PUT", path, '{"imported": true}', **{"If-Match": read["ETag"]})
    assert marked.json()["ticked_at"]
    assert send(client, "PUT", path, '{"imported": false}', **{"If-Match": read["ETag"]}).status_code == 412
    assert send(client, "PUT", path, '{"imported": false}').json()["ticked_at"] is None
    assert [*Event.objects.filter(target_id=node.pk, action__startswith="cluster.").order_by("sequence").values_list("action", flat=True)] == [
        "cluster.ticked", "cluster.unticked",
    ]  # fmt: skip


def test_the_certificate_is_delivered_to_nodes_that_lack_it(client: Client) -> None:
    online, silent = (
        factories.registered_node(),
        factories.node("rim2", at=timezone.now(), state="registered", registered_at=timezone.now()),
    )
    Observation.objects.create(node=online, last_seen_at=timezone.now(), address="10.0.0.7")
    answer = send(client, "POST", "deliver/", "{}")
    assert (answer.status_code, answer.json()["renewed"]) == (202, [str(online.pk)])
    central = Node.objects.get(is_central=True).name
    assert {left["name"]: left["reason"] for left in answer.json()["left_out"] if left["name"] != central} == {
        silent.name: "is silent: start its agent, or import the file there"
    }


@pytest.mark.parametrize(("password", "status"), [(PASSWORD, 200), ("short", 400), ("ümläut" * 4, 400)])
def test_the_private_key_leaves_the_site_only_with_a_good_password(client: Client, password: str, status: int) -> None:
    answer = send(Client(), "POST", "pfx/", f'{{"password": "{password}"}}', **token())
    assert answer.status_code == status
    assert answer.get("Cache-Control", "no-store") == "no-store"
    if status == 200:
        found = load_pkcs12(answer.content, password.encode()).cert
        assert found is not None
        assert found.certificate == cluster_current().x509()
        assert Event.objects.filter(action="cluster.exported").count() == 1
