"""The services of nodes, and selections, in the QRS-compatible API."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from nodes.models import Node, Observation
from tests import factories
from tests.qrs.calls import central_certificate, on_node_api, path_of

pytestmark = pytest.mark.django_db
FULL = {
    "id", "createdDate", "modifiedDate", "modifiedByUserName", "serviceType", "serviceState", "timestamp", "serverNodeConfiguration", "privileges", "schemaPath",
}  # fmt: skip


@pytest.fixture
def call(site_directory: Path) -> Any:
    """The central node calls. rim1 calls too, rim2 is silent, and rim3 is not registered."""
    now = timezone.now()
    for name, seen in (("rim1", now), ("rim2", now - timedelta(days=2))):
        node = factories.node(name, at=now - timedelta(days=9), services=["engine", "proxy"])
        Observation.objects.create(node=node, last_seen_at=seen)
        factories.called(seen, node=node)
    factories.node("rim3", at=now, state="created", services=["scheduler"])
    Node.objects.filter(is_central=True).update(services=[])
    factories.client_certificate(Node.objects.get(name="rim1"), b"rim1", at=now)
    return on_node_api(central_certificate())


# A filter → the services that it finds, as type, node and state.
FOUND = {
    "serverNodeConfiguration.name eq 'rim1'": [(0, "rim1", 2), (1, "rim1", 2), (3, "rim1", 2)],
    "serviceType eq 3": [(3, "rim1", 2), (3, "rim2", 3)],
    "serviceType eq Engine and serviceState eq NoCommunication": [(3, "rim2", 3)],
    "(serverNodeConfiguration.hostName sw 'rim3')": [(0, "rim3", 1), (2, "rim3", 1)],
    "serviceState ne 2 and serviceType ne 0": [(1, "rim2", 3), (2, "rim3", 1), (3, "rim2", 3)],
    "serviceState lt 2": [(0, "rim3", 1), (2, "rim3", 1)],
    "timestamp lt 2000-01-01": [],
}


def test_services_are_found_by_type_node_and_state(call: Any) -> None:
    for words, expected in FOUND.items():
        found = call("GET", path_of("ServiceStatus/full", filter=words)).json
        assert [(row["serviceType"], row["serverNodeConfiguration"]["name"], row["serviceState"]) for row in found] == expected, words
        assert all(row.keys() == FULL for row in found)
        assert call("GET", path_of("servicestatus/count", filter=words)).json == {"value": len(expected)}, words


def test_one_service_is_found_by_its_id(call: Any) -> None:
    for service in call("GET", path_of("servicestatus")).json:
        assert call("GET", path_of(f"servicestatus/{service['id']}")).json == service
        assert call("GET", path_of("servicestatus/full", filter=f"id eq {service['id']}")).json == [service]
    assert call("GET", path_of("servicestatus/6f1d2c3b-0a1b-4c2d-8e3f-0123456789ab")).status == 404


def test_a_node_finds_its_own_services_only(call: Any) -> None:
    found = on_node_api(b"rim1")("GET", path_of("servicestatus/full")).json
    assert {row["serverNodeConfiguration"]["name"] for row in found} == {"rim1"}
    others = call("GET", path_of("servicestatus/full", filter="serverNodeConfiguration.name eq 'rim2'")).json
    assert on_node_api(b"rim1")("GET", path_of(f"servicestatus/{others[0]['id']}")).status == 404


def test_the_enumerations_name_the_numbers(call: Any) -> None:
    enums = call("GET", path_of("about/api/enums")).json
    assert enums["ServiceStateEnum"]["values"][2:4] == ["2: Running", "3: NoCommunication"]
    assert enums["ServiceTypeEnum"]["usages"] == ["ServiceStatus.ServiceType"]


SELECTED = [
    ("servernodeconfiguration", "name sw 'rim'", ["rim1", "rim2", "rim3"]),
    ("ServiceStatus", "serviceType eq 3", ["rim1", "rim2"]),
    ("servicecluster", "name eq 'ServiceCluster'", ["ServiceCluster"]),
]


def test_a_selection_has_what_the_filter_finds(call: Any) -> None:
    for type, words, names in SELECTED:
        answer = call("POST", path_of(f"selection/{type}", filter=words), {})
        assert (answer.status, [item["objectName"] for item in answer.json["items"]]) == (201, names), type
        assert answer.json["id"]


def test_other_types_cannot_be_selected(call: Any) -> None:
    answer = call("POST", path_of("selection/app"), {})
    assert (answer.status, "The types are" in answer.text) == (404, True)
