"""Which addresses nodes call, and who may change them."""

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.actors import SYSTEM, Actor, PermissionRefused
from audit.models import Event
from certs.models import TrustZone
from nodes.addresses.services import (
    addresses_recorded,
    addresses_set,
    addresses_settle,
    central_addresses,
    contacts,
    netlocs,
)
from nodes.errors import InputInvalid
from nodes.models import Node, Observation
from nodes.node_api.heartbeat import _addresses_differ
from nodes.node_api.site import site_read
from nodes.registration.preflight import _central_address
from pki.core.addresses import central_address
from pki.exchange.report import Report
from qmc import checks
from tests import factories

NOW = datetime.now(UTC)


@pytest.fixture
def zone(site_directory: Path) -> TrustZone:
    return TrustZone.objects.get()


def start(listening: str, *chosen: str) -> list[str]:
    """What `up` warns of when it listens there."""
    return addresses_settle(chosen=chosen, listening=central_address(listening), now=NOW)


def register_another() -> Node:
    return factories.node(at=NOW, address="10.4.2.31")


def reported(known: list[str]) -> Report:
    return Report(
        generation=1,
        clock=NOW,
        trusts=[],
        revocation_lists={},
        installed={},
        served={},
        listening=True,
        database_keys=[],
        proofs={},
        central_addresses=known,
    )


def addresses_for_nodes() -> list[str]:
    return netlocs(central_addresses())


def own() -> tuple[str, int]:
    central = Node.objects.get(is_central=True)
    return central.address, central.node_port


def test_up_sets_the_addresses_for_nodes_until_another_node_is_registered(zone: TrustZone) -> None:
    assert addresses_for_nodes() == ["127.0.0.1:4242"]
    assert start("127.0.0.1:5342") == []
    assert (addresses_for_nodes(), own()) == (["127.0.0.1:5342"], ("127.0.0.1", 5342))
    register_another()
    (warning,) = start("[::1]:4242")
    assert (addresses_for_nodes(), own()) == (["127.0.0.1:5342"], ("::1", 4242))
    assert "127.0.0.1:5342" in warning
    assert "[::1]:4242" in warning
    assert "set_addresses" in warning
    assert start("127.0.0.1:5342") == []


def test_what_a_person_has_chosen_stays(zone: TrustZone) -> None:
    assert start("127.0.0.1:4242", "central.example:9000", "[fd00::1]:4242") != []
    assert addresses_for_nodes() == ["central.example:9000", "[fd00::1]:4242"]
    assert own() == ("127.0.0.1", 4242)
    assert len(start("10.4.2.1:4242")) == 1
    assert addresses_for_nodes() == ["central.example:9000", "[fd00::1]:4242"]
    event = Event.objects.get(action="addresses.set")
    assert event.detail == {"from": ["127.0.0.1:4242"], "to": addresses_for_nodes()}
    register_another()
    with pytest.raises(InputInvalid, match="set_addresses"):
        start("10.4.2.1:4242", "10.4.2.1:4242")
    assert start("10.4.2.1:9000", "central.example:9000", "[fd00::1]:4242") != []


@pytest.mark.parametrize("everywhere", ["0.0.0.0:4242", "[::]:4242"])
def test_all_interfaces_demand_the_addresses_that_nodes_call(everywhere: str, zone: TrustZone) -> None:
    with pytest.raises(InputInvalid, match="--node-api-address"):
        start(everywhere)
    assert own() == ("127.0.0.1", 4242)
    assert start(everywhere, "10.4.2.1:4242") == []
    assert (addresses_for_nodes(), own()) == (["10.4.2.1:4242"], ("::1" if "::" in everywhere else "127.0.0.1", 4242))
    assert start(everywhere) == []
    assert len(start(everywhere.replace("4242", "5000"))) == 1


def test_a_current_site_keeps_the_addresses_of_its_nodes(zone: TrustZone) -> None:
    TrustZone.objects.update(node_api_addresses=[])
    Node.objects.filter(is_central=True).update(address="10.4.2.1", node_port=5342)
    register_another()
    assert addresses_for_nodes() == ["10.4.2.1:5342"]
    assert len(start("127.0.0.1:4242")) == 1
    assert (addresses_for_nodes(), own()) == (["10.4.2.1:5342"], ("127.0.0.1", 4242))


def test_a_site_of_today_on_all_interfaces_is_named_and_healed(zone: TrustZone) -> None:
    TrustZone.objects.update(node_api_addresses=[])
    Node.objects.filter(is_central=True).update(address="0.0.0.0")
    node = register_another()
    assert addresses_for_nodes() == ["central.example:4242"]  # never what would be the node itself
    assert [finding.code for finding in _central_address(node)] == ["central-everywhere"]
    assert [message.id for message in checks.nodes_can_call()] == ["qmc.E021"]
    with pytest.raises(InputInvalid, match="set_addresses"):
        start("0.0.0.0:4242")
    assert start("10.4.2.1:4242") == []
    assert addresses_for_nodes() == ["10.4.2.1:4242"]
    assert (list(_central_address(node)), checks.nodes_can_call()) == ([], [])


def test_a_remote_node_gets_no_loopback_address(zone: TrustZone) -> None:
    node = register_another()
    (finding,) = _central_address(node)
    assert (finding.code, finding.level, "set_addresses" in finding.remedy) == ("central-loopback", "blocker", True)
    assert [message.id for message in checks.nodes_can_call()] == ["qmc.E022"]
    Node.objects.filter(pk=node.pk).update(address="", host_name="localhost")  # resolves to this machine
    assert checks.nodes_can_call() == []
    node.refresh_from_db()
    assert list(_central_address(node)) == []
    addresses_set(actor=SYSTEM, texts=["central.example"], now=NOW)
    assert (list(_central_address(node)), checks.nodes_can_call()) == ([], [])


def test_the_environment_overrides_and_is_recorded(zone: TrustZone, settings: Any) -> None:
    settings.QMC_NODE_API_ADDRESSES = ["10.4.2.9:4242", "[fd00::9]:4242"]
    assert addresses_for_nodes() == ["10.4.2.9:4242", "[fd00::9]:4242"]
    assert addresses_settle(chosen=(), listening=None, now=NOW) == []
    settings.QMC_NODE_API_ADDRESSES = []
    assert addresses_for_nodes() == ["10.4.2.9:4242", "[fd00::9]:4242"]
    assert own() == ("10.4.2.9", 4242)


def test_nodes_that_know_none_of_the_new_addresses_are_listed_before_a_change(zone: TrustZone, capsys: pytest.CaptureFixture[str]) -> None:
    node = register_another()
    Observation.objects.create(node=node, last_seen_at=NOW, central_addresses=["127.0.0.1:4242"], central_called="127.0.0.1:4242")
    older = factories.node("old", at=NOW)
    factories.node("new", at=NOW, state="created")
    new_addresses = [central_address("10.4.2.1:4242")]
    found = contacts(new_addresses)
    assert (found.count, found.losing) == (2, 2)
    assert [(contact.node.pk, contact.losing, contact.knows, contact.called) for contact in found.first()] == [
        (older.pk, True, (), ""),
        (node.pk, True, ("127.0.0.1:4242",), "127.0.0.1:4242"),
    ]
    for known in ("127.0.0.1", "Central.Example"):
        Observation.objects.update(central_addresses=["127.0.0.1:4242", "central.example:4242"])
        found = contacts([*new_addresses, central_address(known)])
        assert [(contact.node.pk, contact.losing) for contact in found.first()] == [(older.pk, True), (node.pk, False)]
    Observation.objects.update(central_addresses=["127.0.0.1:4242"])
    assert contacts([central_address("7.0.0.1")]).losing == 2  # a part of an address is another address
    call_command("set_addresses", "--node-api-address", "10.4.2.1", "--yes")
    out = capsys.readouterr().out
    assert "2 of 2 nodes know none" in out
    assert "rim1 (rim1.example): knows 127.0.0.1:4242; called" in out
    assert "old (old.example): knows not reported by its agent; has never called" in out
    assert addresses_for_nodes() == ["10.4.2.1:4242"]


def test_the_command_changes_nothing_that_was_not_confirmed(zone: TrustZone, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("set_addresses", "--node-api-address", "10.4.2.1")
    with pytest.raises(CommandError, match="all addresses"):
        call_command("set_addresses", "--node-api-address", "0.0.0.0", "--yes")
    assert addresses_for_nodes() == ["127.0.0.1:4242"]
    settings.QMC_NODE_API_ADDRESSES = ["10.4.2.9:4242"]
    with pytest.raises(CommandError, match="takes precedence"):
        call_command("set_addresses", "--node-api-address", "10.4.2.1", "--yes")


def test_a_node_learns_new_addresses_with_its_heartbeat(zone: TrustZone) -> None:
    assert _addresses_differ(reported([]), site_read()) == []  # an older agent
    assert _addresses_differ(reported(["127.0.0.1:4242"]), site_read()) == []
    addresses_set(actor=SYSTEM, texts=["10.4.2.1:4242", "[fd00::1]:4242"], now=NOW)
    assert _addresses_differ(reported(["127.0.0.1:4242"]), site_read()) == ["10.4.2.1:4242", "[fd00::1]:4242"]


def test_who_may_change_the_addresses(zone: TrustZone) -> None:
    with pytest.raises(PermissionRefused):
        addresses_set(actor=Actor("user", "guest"), texts=["10.4.2.1:4242"], now=NOW)
    for wrong in ([], ["0.0.0.0:4242"], [f"10.4.2.{number}:4242" for number in range(11)]):
        with pytest.raises(InputInvalid):
            addresses_set(actor=SYSTEM, texts=wrong, now=NOW)
    assert addresses_for_nodes() == ["127.0.0.1:4242"]
    addresses_set(actor=SYSTEM, texts=["10.4.2.1:4242", "10.4.2.1:4242"], now=NOW)
    assert netlocs(addresses_recorded()) == ["10.4.2.1:4242"]
    assert "10.4.2.1" in Node.objects.get(is_central=True).subject_alternative_names
