"""Nodes in the QRS-compatible API."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from audit.actors import SYSTEM
from nodes.inventory.change import node_change
from nodes.inventory.services import node_create
from tests import factories
from tests.qrs.calls import central_certificate, on_node_api, path_of

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 29, 14, 5, 0, 123456, tzinfo=UTC)
# The fields of the original's type.
FULL = {
    "id", "createdDate", "modifiedDate", "modifiedByUserName", "customProperties", "name", "hostName", "isCentral", "nodePurpose", "engineEnabled", "proxyEnabled", "printingEnabled",
    "schedulerEnabled", "schedulerReloadEnabled", "schedulerPreloadEnabled", "temporaryfilepath", "failoverCandidate", "serviceCluster", "roles", "tags", "privileges", "schemaPath",
}  # fmt: skip
CONDENSED = {"id", "name", "hostName", "temporaryfilepath", "roles", "serviceCluster", "privileges"}


@pytest.fixture
def call(site_directory: Path) -> Any:
    return on_node_api(central_certificate())


def test_nodes_are_listed_condensed_full_counted_and_one(call: Any) -> None:
    node = node_create(actor=SYSTEM, name="rim1", host_name="rim1.example", services=["engine"], tags=["berlin"], now=AT)
    condensed = call("GET", path_of("servernodeconfiguration", filter="name eq 'rim1'")).json
    assert [row.keys() for row in condensed] == [CONDENSED]
    (full,) = call("GET", path_of("servernodeconfiguration/full", filter="(name eq 'rim1')")).json
    assert full.keys() == FULL
    assert (full["id"], full["hostName"], full["engineEnabled"], full["proxyEnabled"]) == (str(node.pk), "rim1.example", True, False)
    assert (full["createdDate"], full["modifiedDate"]) == ("2026-11-29T14:05:00.123456Z",) * 2
    assert ([tag["name"] for tag in full["tags"]], full["privileges"]) == (["berlin"], ["create", "read", "update", "delete"])
    assert call("GET", path_of(f"ServerNodeConfiguration/{node.pk}")).json == full
    assert call("GET", path_of("servernodeconfiguration/count")).json == {"value": 2}
    assert call("GET", path_of("servernodeconfiguration/count", filter="isCentral eq true")).json == {"value": 1}


def test_a_change_sets_the_time_and_the_name_of_the_last_change(call: Any) -> None:
    node = node_create(actor=SYSTEM, name="rim1", host_name="rim1.example", now=AT)
    node_change(actor=SYSTEM, node=node, name="rim2", now=AT.replace(hour=15))
    found = call("GET", path_of(f"servernodeconfiguration/{node.pk}")).json
    assert (found["modifiedDate"], found["modifiedByUserName"]) == ("2026-11-29T15:05:00.123456Z", "system")


def test_decommissioned_nodes_are_not_there(call: Any) -> None:
    node = factories.node("old", at=timezone.now(), state="decommissioned")
    assert call("GET", path_of(f"servernodeconfiguration/{node.pk}")).status == 404
    assert call("GET", path_of("servernodeconfiguration/count", filter="name eq 'old'")).json == {"value": 0}


def test_the_list_of_nodes_takes_the_same_queries_for_any_number(call: Any, django_assert_max_num_queries: Any) -> None:
    for number in range(20):
        factories.node(f"rim{number}", at=AT)
    with django_assert_max_num_queries(7):
        assert len(call("GET", path_of("servernodeconfiguration/full")).json) == 21


def test_the_site_is_one_cluster(call: Any) -> None:
    (cluster,) = call("GET", path_of("ServiceCluster/full")).json
    assert cluster["settings"]["sharedPersistenceProperties"]["archivedLogsRootFolder"] == ""
    assert call("GET", path_of(f"servicecluster/{cluster['id']}")).json == cluster
    assert call("GET", path_of("servicecluster/count", filter="name eq 'other'")).json == {"value": 0}
    assert call("GET", path_of("servicecluster")).json[0]["name"] == "ServiceCluster"
    assert call("GET", path_of("servicecluster/6f1d2c3b-0a1b-4c2d-8e3f-0123456789ab")).status == 404
