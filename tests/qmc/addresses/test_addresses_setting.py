"""The addresses of the central node, by page and by API. Both call one service."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from audit.models import Event
from nodes.models import Node, Observation, Renewal
from qmc.addresses import names
from qmc.addresses.services import site_addresses
from tests import factories
from tests.problems import error_fields
from tests.qmc.addresses.test_names import words

NOW = datetime.now(UTC)
PAGE, API = "/settings/addresses/", "/api/v1/settings/addresses/"


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    yield
    names.names_forget()


@pytest.fixture
def client(site_directory: Path) -> Client:
    made = Client()
    made.force_login(User.objects.create_superuser("boss", password="correct horse battery"))
    return made


@pytest.fixture
def node(site_directory: Path) -> Node:
    made = factories.node(at=NOW)
    Observation.objects.create(node=made, last_seen_at=NOW, central_addresses=["127.0.0.1:4242"], central_called="10.4.2.1:4242")
    return made


def filled(**changes: str) -> dict[str, str]:
    return {"node_api_addresses": "127.0.0.1:4242", "base_url": "", "allowed_hosts": "", "trusted_origins": ""} | changes


def test_the_page_asks_before_a_node_loses_contact(client: Client, node: Node) -> None:
    assert "127.0.0.1:4242 10.4.2.1:4242" in words(client.get(PAGE, secure=True)).replace("Called last", "")
    new = filled(node_api_addresses=" central.example:4242 \r\n[fd00::1]:4242\r\n", base_url="https://console.example/")
    asked = words(client.post(PAGE, new, secure=True))
    assert "know none of the new addresses: 1 of 1" in asked
    assert site_addresses().base_url == ""
    saved = words(client.post(PAGE, new | {"confirmed": "central.example:4242,[fd00::1]:4242"}, secure=True))
    assert "do not know these addresses yet: 1 of 1" in saved
    found = site_addresses()
    assert (found.node_api_addresses, found.base_url) == (["central.example:4242", "[fd00::1]:4242"], "https://console.example")
    assert Event.objects.filter(action__in=["addresses.set", "console_names.set"], actor="boss").count() == 2
    # What was confirmed was another change.
    again = client.post(PAGE, filled(node_api_addresses="10.9.9.9:1", confirmed="central.example:4242"), secure=True)
    assert "know none" in words(again)


def test_an_address_that_nodes_know_is_saved_at_once(client: Client, node: Node) -> None:
    assert "Saved." in words(client.post(PAGE, filled(node_api_addresses="127.0.0.1:4242\n10.4.2.1:4242"), secure=True))


@pytest.mark.parametrize(
    ("field", "text", "why"),
    [
        ("node_api_addresses", "0.0.0.0:4242", "all addresses"),
        ("node_api_addresses", "", "at least one address"),
        ("base_url", "http://console.example", "not a URL"),
        ("allowed_hosts", "a.example\nb.example:1", "has a port"),
        ("trusted_origins", "https://a.example/x", "has a path"),
    ],
)
def test_page_and_api_refuse_the_same(field: str, text: str, why: str, client: Client, node: Node) -> None:
    assert why in words(client.post(PAGE, filled(**{field: text}), secure=True))
    api = APIClient()
    api.force_login(User.objects.get())
    value: Any = text if field == "base_url" else text.split("\n") if text else []
    answer = api.put(API, {field: value}, format="json", secure=True)
    assert (answer.status_code, error_fields(answer.json())) == (400, [field])
    assert site_addresses().node_api_addresses == ["127.0.0.1:4242"]


def test_the_api_lists_nodes_that_would_lose_contact_and_changes_given_fields(client: Client, node: Node) -> None:
    api = APIClient()
    api.force_login(User.objects.get())
    held = api.get(API, secure=True).json()
    assert (held["node_api_addresses"], held["nodes"], held["losing_contact"]) == (["127.0.0.1:4242"], 1, 0)
    before = api.get(f"{API}?node_api_address=10.4.2.1:4242&node_api_address=central.example", secure=True).json()
    assert [row["name"] for row in before["losing"]] == ["rim1"]
    assert api.get(f"{API}?node_api_address=0.0.0.0", secure=True).status_code == 400
    changed = api.put(API, {"node_api_addresses": ["10.4.2.1:4242"]}, format="json", secure=True).json()
    assert (changed["node_api_addresses"], changed["losing_contact"], changed["base_url"]) == (["10.4.2.1:4242"], 1, "")
    assert api.put(API, {"base_url": "https://console.example"}, format="json", secure=True).json()["node_api_addresses"] == [
        "10.4.2.1:4242"
    ]


def test_view_permission_alone_changes_nothing(client: Client, node: Node) -> None:
    guest = User.objects.create_user("guest", password="correct horse battery")
    guest.user_permissions.set(Permission.objects.filter(codename="view_certificate"))
    looking = Client()
    looking.force_login(guest)
    assert b">Save<" not in looking.get(PAGE, secure=True).content
    assert looking.post(PAGE, filled(base_url="https://console.example"), secure=True).status_code == 403
    assert site_addresses().base_url == ""


def test_the_central_nodes_certificate_gets_the_new_names(client: Client) -> None:
    call_command("init", "--listening", "127.0.0.1:4242")
    assert not Renewal.objects.exists()
    call_command("init", "--listening", "10.4.2.1:4242")  # as after `init`, then `up --address 10.4.2.1`
    renewal = Renewal.objects.get()
    assert renewal.node.is_central
    assert "10.4.2.1" in renewal.node.subject_alternative_names
    call_command("init", "--listening", "10.4.2.1:4242")
    assert Renewal.objects.count() == 1


def test_network_addresses_and_clock_come_before_another_root(client: Client) -> None:
    for url in ("/roots/", "/recreate-root/"):
        page = words(client.get(url, secure=True))
        assert "network" in page
        assert "addresses that nodes call" in page
        assert "no node reaches the central node any more" not in page


def test_the_page_names_what_the_environment_overrides(client: Client, settings: Any) -> None:
    settings.QMC_NODE_API_ADDRESSES = ["10.4.2.1:4242"]
    settings.QMC_BASE_URL = "https://base.example"
    page = words(client.get(PAGE, secure=True))
    assert "QMC_NODE_API_ADDRESSES=10.4.2.1:4242" in page
    assert "QMC_BASE_URL=https://base.example" in page
