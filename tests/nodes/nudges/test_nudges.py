"""Nudges: whose certificates nodes accept, which nodes wait for one, and what a dial records."""

import asyncio
import dataclasses
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agent import tls
from agent.listeners import Listener
from agent.listeners import node as node_port
from agent.store import Installed, Store
from audit.actors import SYSTEM
from certs.models import Certificate, RevocationList, TrustZone
from nodes.addresses.services import addresses_set
from nodes.browser_certificates.services import browser_certificate_choose
from nodes.inventory import intervals
from nodes.models import Node, Nudge, Observation, SiteNudge
from nodes.nudges import services as nudges
from nodes.nudges.services import BACK_OFF, nodes_nudge, nodes_waiting, nudges_send, nudging_certificates, outstanding, site_nudge
from pki.core.verify import fingerprint
from pki.exchange.package import Package
from sitekit.authority import Authority
from sitekit.engines import free_port
from tests import factories

pytestmark = pytest.mark.django_db
AT = timezone.now()
MINUTE = timedelta(minutes=1)


def node(name: str = "rim1", *, seen: datetime = AT - MINUTE, listening: bool = True, **fields: Any) -> Node:
    made = factories.node(name, at=AT, **fields)
    Observation.objects.create(node=made, last_seen_at=seen, listening=listening)
    return made


def waiting(now: datetime = AT) -> set[str]:
    return {found.name for found in nodes_waiting(now=now)}


def test_only_client_certificates_of_the_central_node_in_force_are_listed() -> None:
    central, other, export = node("central", is_central=True), node("rim1"), factories.export(at=AT)

    def client(holder_id: uuid.UUID, sha256: str, generation: int, **fields: Any) -> None:
        factories.certificate("client", holder_id=holder_id, at=AT, sha256=sha256, generation=generation, **fields)

    client(central.pk, "superseded", 1, status="superseded")
    client(central.pk, "current", 2)
    client(central.pk, "next", 3)
    client(central.pk, "revoked", 4, status="revoked")
    client(central.pk, "not signed yet", 5, status="issuing")
    client(other.pk, "another node's", 9)
    client(export.pk, "an export's", 0)
    factories.certificate("service", holder_id=central.pk, at=AT, sha256="service", generation=3)
    assert nudging_certificates() == ("next", "current")


UNREACHED = {"reached": False, "dialed_at": AT - MINUTE}
WAITS: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "registered": ({}, {}, True),
    "has called since": ({"seen": AT + MINUTE}, {}, False),
    "called while it was recorded": ({"seen": AT + timedelta(seconds=1)}, {}, True),
    "silent": ({"seen": AT - timedelta(hours=1)}, {}, False),
    "does not listen": ({"listening": False}, {}, False),
    "never registered": ({"state": "distributing"}, {}, False),
    "being registered again": ({"state": "distributing", "registered_at": AT}, {}, True),
    "decommissioned": ({"state": "decommissioned", "registered_at": AT}, {}, False),
    "the central node": ({"is_central": True}, {}, False),
    "nothing waits": ({}, {"asked_at": None}, False),
    "not reached a minute ago": ({}, UNREACHED, False),
    "not reached a while ago": ({}, UNREACHED | {"dialed_at": AT - BACK_OFF - MINUTE}, True),
    "reached a minute ago": ({}, UNREACHED | {"reached": True}, True),
}


@pytest.mark.parametrize("case", WAITS)
def test_a_node_for_which_something_waits_is_nudged_if_it_can_be_dialed(case: str) -> None:
    fields, nudge, waits = WAITS[case]
    made = node(**fields)
    nodes_nudge([made], now=AT)
    Nudge.objects.filter(node=made).update(**nudge)
    assert waiting() == ({"rim1"} if waits else set())


@pytest.mark.usefixtures("zone")
def test_a_new_list_or_address_nudges_every_node_with_one_row() -> None:
    central = node("central", is_central=True, address="10.0.0.5")
    for number in range(20):
        node(f"n{number}")
    root = factories.certificate("root", holder_id=central.pk, at=AT, sha256="ab" * 32)
    site_nudge(now=AT)
    assert waiting() == set()  # nothing has changed since the site was first looked at
    RevocationList.objects.create(root=root, number=1, this_update=AT, next_update=AT + MINUTE, der=b"signed")
    with CaptureQueriesContext(connection) as queries:
        site_nudge(now=AT)
    assert sum(query["sql"].startswith("UPDATE") for query in queries.captured_queries) == 1
    assert len(waiting()) == 20
    Observation.objects.filter(node__name="n3").update(last_seen_at=AT + MINUTE)
    nudges._record([Node.objects.get(name="n4")], [True], AT)
    assert waiting() == {f"n{number}" for number in range(20)} - {"n3", "n4"}
    nudges._forget_old(AT + BACK_OFF + MINUTE)
    assert waiting() == set()
    addresses_set(actor=SYSTEM, texts=["10.0.0.6:4242"], now=AT)
    later = AT + timedelta(seconds=90)  # before the nodes count as silent
    site_nudge(now=later)
    assert len(waiting(later)) == 20
    site_nudge(now=later + MINUTE)
    assert SiteNudge.objects.get().asked_at == later


@pytest.mark.usefixtures("zone")
def test_a_new_root_nudges_nobody_before_its_first_list_is_signed() -> None:
    node()
    old, new = (
        factories.certificate("root", holder_id=None, at=AT, sha256=sha256 * 32, generation=n) for n, sha256 in ((1, "ab"), (2, "cd"))
    )
    lists = {"this_update": AT, "next_update": AT + MINUTE, "der": b"signed"}
    RevocationList.objects.create(root=old, number=1, **lists)
    Certificate.objects.filter(pk=new.pk).update(status="issuing")
    site_nudge(now=AT)
    Certificate.objects.filter(pk=new.pk).update(status="issued")
    site_nudge(now=AT)
    assert waiting() == set()
    RevocationList.objects.create(root=new, number=1, **lists)
    site_nudge(now=AT)
    assert waiting() == {"rim1"}


def test_what_is_asked_during_a_dial_keeps_waiting() -> None:
    made = node()
    nodes_nudge([made], now=AT)
    dialed = list(nodes_waiting(now=AT).select_related("nudge"))
    nodes_nudge([made], now=AT + timedelta(seconds=1))
    nudges._record(dialed, [True], AT)
    assert waiting() == {"rim1"}
    nudges._record(list(nodes_waiting(now=AT).select_related("nudge")), [True], AT)
    assert waiting() == set()


def test_a_node_is_outstanding_until_it_calls() -> None:
    made = [node("a"), node("b"), node("c")]
    nudges._record(made, [True, True, False], AT)
    assert outstanding(now=AT) == 2
    Observation.objects.filter(node=made[0]).update(last_seen_at=AT + timedelta(seconds=1))
    assert outstanding(now=AT) == 1
    assert outstanding(now=AT + MINUTE) == 0


@contextmanager
def listening(installed: Installed) -> Iterator[tuple[str, int, list[str]]]:
    """A node's listener in this process, and the certificates of the clients that ask it to call."""
    loop, asked, address, port = asyncio.new_event_loop(), list[str](), "127.0.0.1", free_port()
    listener = Listener(node_port(lambda sha256: bool(asked.append(sha256)) or True), address, port)
    loop.run_until_complete(listener.start(tls.server_context(installed)))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield address, port, asked
    finally:
        asyncio.run_coroutine_threadsafe(listener.stop(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def central(package: Package, authority: Authority, tmp_path: Path, settings: Any) -> Node:
    """The central node, with what this machine has installed."""
    made = node("central", is_central=True, address="10.0.0.5")
    settings.NODE_STORE = tmp_path / "node"
    Store(settings.NODE_STORE).install(dataclasses.replace(package, node=str(made.pk)), now=authority.now)
    TrustZone.objects.create(name="central.example", created_at=AT, founded_at=AT)
    return made


def test_a_node_is_asked_once_and_a_machine_that_is_not_the_node_is_left_alone_for_ten_minutes(central: Node, settings: Any) -> None:
    installed = Store(settings.NODE_STORE).current()
    assert installed is not None
    with listening(installed) as (address, port, asked):
        seen = timezone.now() - MINUTE
        right = node("right", seen=seen, host_name=installed.host_name, address=address, node_port=port)
        wrong = node("wrong", seen=seen, address=address, node_port=port)  # the certificate there has another name
        closed = node("closed", seen=seen, address=address, node_port=free_port())
        for _ in range(2):
            nodes_nudge([right, wrong, closed], now=timezone.now())
            nudges_send()
    assert asked == [fingerprint(installed.client)] * 2
    found = {row.node.name: (row.reached, row.asked_at is None) for row in Nudge.objects.select_related("node")}
    assert found == {"right": (True, True), "wrong": (False, False), "closed": (False, False)}
    assert waiting(timezone.now()) == set()


@pytest.mark.usefixtures("central")
def test_a_change_of_the_site_is_over_when_no_node_waits() -> None:
    SiteNudge.objects.create(digest="of another site")
    waits = node(seen=timezone.now() - MINUTE, address="127.0.0.1", node_port=free_port())
    nudges_send()
    assert SiteNudge.objects.get().asked_at is not None
    assert not Nudge.objects.get(node=waits).reached
    nudges_send()
    assert SiteNudge.objects.get().asked_at is None


@pytest.mark.parametrize("what", ["another machine", "short interval"])
def test_nobody_is_dialed(central: Node, settings: Any, what: str) -> None:
    if what == "another machine":
        Node.objects.filter(pk=central.pk).update(is_central=False)
        node("center", is_central=True, address="10.0.0.6")
    else:
        TrustZone.objects.update(heartbeat_s=5)
    nodes_nudge([node(seen=timezone.now() - MINUTE, address="127.0.0.1")], now=timezone.now())
    nudges_send()
    assert not Nudge.objects.exclude(dialed_at=None).exists()


def test_a_site_that_is_too_large_for_its_short_interval_sends_nudges(
    central: Node, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    TrustZone.objects.update(heartbeat_s=5)
    monkeypatch.setattr(intervals, "CALLS_PER_S", 0.1)
    waits = node(seen=timezone.now() - MINUTE, address="127.0.0.1", node_port=free_port())
    nodes_nudge([waits], now=timezone.now())
    nudges_send()
    assert Nudge.objects.get(node=waits).dialed_at is not None


def test_a_choice_for_browsers_nudges_the_node() -> None:
    made = node()
    browser_certificate_choose(actor=SYSTEM, node=made, thumbprint="ab" * 20, now=AT)
    assert waiting() == {"rim1"}
