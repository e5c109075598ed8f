"""Two machines that call as one node, machines and databases that were put back: what the node API answers, and what is said of it."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.utils import timezone

from attention.needs import attention
from audit.actors import SYSTEM
from audit.models import Event
from certs.certificates.services import certificate_transition
from certs.models import Certificate, DatabaseKey
from certs.states import CertificateStatus
from nodes.errors import IllegalNodeTransition
from nodes.inventory.view_models import history
from nodes.models import CallerFinding, Node, Observation, Renewal
from nodes.node_api.views import heartbeat_view, package_view, trust_view
from nodes.observation.callers import MOST_UNKNOWN, callers_settle, generation_next, registration_settles, turns_start_over
from nodes.renewal.services import node_renew
from pki.core.verify import fingerprint
from tests import factories
from tests.pki.test_report import BEFORE

FIRST, SECOND, UNKNOWN = b"the client certificate of generation 1", b"that of generation 2", b"one that was lost"


class Machine:
    """Calls as rim1, and keeps the turn of each answer."""

    def __init__(self, address: str, *, certificate: bytes = FIRST, turn: str = "") -> None:
        self.address, self.certificate, self.turn = address, certificate, turn

    def ask(self, view: Any = heartbeat_view, *args: Any, **fields: Any) -> Any:
        state = {"peer_certificate": self.certificate, "has_ended": lambda: False}
        scope = {
            "asgi.scope": {"state": state, "client": (self.address, 5)},
            "HTTP_X_FORWARDED_FOR": "192.0.2.66",
            "REMOTE_ADDR": "192.0.2.67",
        }
        if view is not heartbeat_view:
            return view(RequestFactory().get("/", **scope), *args)
        own = {
            "generation": 1,
            "clock": timezone.now().isoformat(),
            "database_keys": list(DatabaseKey.objects.values_list("key_id", flat=True)),
        }
        body = BEFORE | own | {"turn": self.turn} | fields
        return view(RequestFactory().post("/", json.dumps(body), content_type="application/json", **scope))

    def call(self, *, answer_lost: bool = False, **fields: Any) -> dict[str, Any]:
        answer = self.ask(**fields)
        content: dict[str, Any] = json.loads(answer.content)
        assert answer.status_code == 200, content
        if not answer_lost:
            self.turn = content.get("turn", self.turn)
        return content

    def copy(self, address: str) -> "Machine":
        return Machine(address, certificate=self.certificate, turn=self.turn)


def beside(machine: Machine) -> Machine:
    """A copy of the machine, once both have called and were found."""
    copy = machine.copy("10.0.0.9")
    for caller in (copy, machine, copy, machine):
        caller.call()
    assert CallerFinding.objects.filter(kind="two-callers").exists()
    return copy


def client_certificate(node: Node, der: bytes, generation: int) -> Certificate:
    now = timezone.now()
    return factories.client_certificate(node, der, at=now, serial=der.hex()[:40], generation=generation)


@pytest.fixture
def node(site_directory: Path) -> Node:
    node = factories.registered_node()
    client_certificate(node, FIRST, 1)
    return node


@pytest.fixture
def machine(node: Node) -> Machine:
    """The node itself, which has called a few times."""
    machine = Machine("10.0.0.5")
    for _ in range(3):
        machine.call()
    return machine


def said(code: str) -> list[Any]:
    return [ranked.need for ranked in attention(timezone.now()) if ranked.need.code == code]


def superseded(node: Node, *, ago: timedelta) -> None:
    """The node was renewed: generation 2 was proved that long ago."""
    client_certificate(node, SECOND, 2)
    Node.objects.filter(pk=node.pk).update(generation=2)
    old = Certificate.objects.get(sha256=fingerprint(FIRST))
    certificate_transition(certificate=old, to=CertificateStatus.SUPERSEDED, reason="", actor=SYSTEM, now=timezone.now() - ago)


def test_answers_that_are_lost_raise_no_alarm(machine: Machine) -> None:
    for lost in (False, True, True, False, True, False, False):
        machine.call(answer_lost=lost)
    assert not CallerFinding.objects.exists()


def test_an_older_agent_never_returns_a_turn_and_raises_no_alarm(node: Node) -> None:
    older = Machine("10.0.0.5")
    for _ in range(4):
        older.call(answer_lost=True)
    assert not CallerFinding.objects.exists()


def test_two_machines_are_named_with_their_addresses(machine: Machine, node: Node) -> None:
    copy = machine.copy("10.0.0.9")
    copy.call()
    machine.call()
    assert said("node-two-callers") == []  # the answer to the machine may have been lost
    copy.call()
    (need,) = said("node-two-callers")
    assert (need.subject, need.severity) == ("rim1", "critical")
    assert "from 10.0.0.9 at " in need.text
    assert "from 10.0.0.5 at " in need.text
    assert "192.0.2" not in need.text  # what a header says is not where a call comes from
    machine.call()
    copy.call()
    machine.call()
    assert "4 such calls" in said("node-two-callers")[0].text
    assert Observation.objects.get(node=node).address == "10.0.0.5"
    assert [event.action for event in Event.objects.filter(action__startswith="node.caller")] == ["node.caller_found"]


def test_a_restored_machine_is_named_with_its_first_call(machine: Machine) -> None:
    snapshot = machine.copy(machine.address)
    machine.call()
    machine.call()
    for _ in range(3):
        snapshot.call()
    (need,) = said("node-two-callers")
    assert "the machine was restored" in need.text
    assert CallerFinding.objects.get().count == 1


def test_nothing_new_is_handed_out_until_somebody_settles_it(machine: Machine, node: Node) -> None:
    Node.objects.filter(pk=node.pk).update(generation=2)
    Renewal.objects.create(node=node, generation=2, actor="system", created_at=timezone.now(), status="offered", package=b"sealed")
    assert machine.call()["package"] == {"generation": 2}
    beside(machine)
    assert machine.call()["package"] is None
    assert (machine.call()["browser"], machine.ask(package_view, 2).status_code) == (None, 404)
    with pytest.raises(IllegalNodeTransition, match="Resolve this"):
        node_renew(actor=SYSTEM, node=Node.objects.get(pk=node.pk), now=timezone.now())
    callers_settle(actor=SYSTEM, node=node, now=timezone.now())
    assert machine.call()["package"] == {"generation": 2}
    assert machine.ask(package_view, 2).status_code == 200
    assert said("node-two-callers") == []


def test_a_copy_that_runs_on_is_named_again_after_it_was_settled(machine: Machine, node: Node) -> None:
    copy = beside(machine)
    callers_settle(actor=SYSTEM, node=node, now=timezone.now())
    machine.call()
    copy.call()
    assert len(said("node-two-callers")) == 1


def test_a_proved_registration_settles_it_and_leaves_the_copy_outside(machine: Machine, node: Node) -> None:
    copy = beside(machine)
    client_certificate(node, SECOND, 2)
    Node.objects.filter(pk=node.pk).update(generation=2, state="awaiting_password")
    fresh = Machine("10.0.0.5", certificate=SECOND)
    fresh.call(answer_lost=True)  # a home that was emptied returns no turn, also when its first answer was lost
    fresh.call()
    Node.objects.filter(pk=node.pk).update(state="registered")
    registration_settles(Node.objects.get(pk=node.pk))
    fresh.call()
    assert not CallerFinding.objects.exists()
    answer = copy.call()
    fresh.call()
    assert (answer["package"], answer["challenges"], answer["turn"]) == (None, {}, "")
    (need,) = said("node-two-callers")
    assert "A copy of rim1 calls" in need.title
    assert "10.0.0.9" in need.text
    assert Observation.objects.get(node=node).address == "10.0.0.5"
    assert node_renew(actor=SYSTEM, node=Node.objects.get(pk=node.pk), now=timezone.now()).generation == 3  # the node itself is not held up


@pytest.mark.parametrize(("minutes", "status"), [(1, 200), (59, 200), (61, 403)])
def test_a_superseded_certificate_is_good_for_an_hour(machine: Machine, node: Node, minutes: int, status: int) -> None:
    superseded(node, ago=timedelta(minutes=minutes))
    assert machine.ask().status_code == status
    assert machine.ask(trust_view).status_code == status


def test_a_certificate_that_an_earlier_version_superseded_is_refused(machine: Machine, node: Node) -> None:
    superseded(node, ago=timedelta())
    Certificate.objects.filter(sha256=fingerprint(FIRST)).update(superseded_at=None)
    assert machine.ask().status_code == 403


def test_a_machine_that_was_put_back_is_refused_and_named(machine: Machine, node: Node) -> None:
    superseded(node, ago=timedelta(hours=2))
    factories.called(timezone.now() - timedelta(hours=1))
    answer = machine.ask()
    assert (answer.status_code, json.loads(answer.content)["type"]) == (403, "urn:trust-zone:superseded-certificate")
    (need,) = said("node-put-back")
    assert "10.0.0.5" in need.text
    assert "rim1" not in [reported.subject for reported in said("node-silent")]  # it does call
    factories.called(timezone.now())
    assert [reported.title for reported in said("node-two-callers")] == ["A copy of rim1 calls with certificates that were replaced"]


def test_an_unknown_certificate_is_named_with_its_cause_and_the_next_generation_is_above_its_own(machine: Machine, node: Node) -> None:
    lost = Machine("10.0.0.5", certificate=UNKNOWN)
    assert lost.ask(node=str(node.pk), generation=7).status_code == 403
    (need,) = said("caller-unknown")
    assert (need.subject, "An older copy of the database was probably restored" in need.text, "generation 7" in need.text) == (
        "rim1",
        True,
        True,
    )
    assert generation_next(node) == 8
    lost.ask(node=str(node.pk), generation=2**31 - 1)
    assert generation_next(node) == 2  # no database lost so many: a report cannot use up the numbers


def test_an_unknown_caller_without_a_report_is_named_by_its_address(machine: Machine, node: Node) -> None:
    older = Machine("10.0.0.5", certificate=UNKNOWN)
    older.ask(clock="never")
    Machine("10.0.0.77", certificate=UNKNOWN + b"2").ask(node="0" * 36)
    assert [reported.subject for reported in said("caller-unknown")] == ["rim1", "10.0.0.77"]


def test_unknown_callers_stay_bounded(node: Node) -> None:
    for number in range(MOST_UNKNOWN + 5):
        Machine("10.0.0.9", certificate=UNKNOWN + bytes([number])).ask()
    assert CallerFinding.objects.count() == MOST_UNKNOWN
    assert len(said("caller-unknown")) == 1
    CallerFinding.objects.update(last_at=timezone.now() - timedelta(days=8))
    Machine("10.0.0.9", certificate=UNKNOWN).ask()
    assert CallerFinding.objects.count() == 1


def test_a_database_that_was_put_back_is_not_taken_for_a_second_machine(machine: Machine, node: Node) -> None:
    yesterday = {"turn": "0" * 76, "turn_before": "1" * 76, "last_seen_at": timezone.now() - timedelta(days=1)}
    Observation.objects.filter(node=node).update(**yesterday)
    machine.call()
    machine.call()
    assert said("node-two-callers") == []
    (need,) = said("database-put-back")
    assert "older copy" in need.text


def test_a_restored_site_knows_no_turn_and_takes_the_next(machine: Machine) -> None:
    Observation.objects.update(turn="0" * 76, turn_before="1" * 76)
    turns_start_over()
    machine.call()
    machine.call()
    assert not CallerFinding.objects.exists()


def test_of_two_calls_at_once_one_is_asked_to_call_again(machine: Machine, node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another node API process answers between this one's look and its writing."""
    other = machine.copy(machine.address)

    def meanwhile(of: Node, *, now: Any) -> str:
        monkeypatch.undo()
        other.call()
        return "f" * 76

    monkeypatch.setattr("nodes.observation.callers.turn_make", meanwhile)
    answer = machine.ask()
    assert (answer.status_code, json.loads(answer.content)["type"]) == (503, "urn:trust-zone:changed-meanwhile")
    machine.call()
    assert not CallerFinding.objects.exists()


@pytest.mark.parametrize("looks", [[True], [False, True]], ids=["before it is read", "while it is read"])
def test_a_call_whose_caller_has_hung_up_changes_nothing(machine: Machine, node: Node, looks: list[bool]) -> None:
    before, ended = Observation.objects.get(node=node).turn, iter(looks)
    scope = {"state": {"peer_certificate": FIRST, "has_ended": lambda: next(ended)}, "client": ("10.0.0.5", 5)}
    request = RequestFactory().post(
        "/", json.dumps(BEFORE | {"turn": machine.turn}), content_type="application/json", **{"asgi.scope": scope}
    )
    assert heartbeat_view(request).status_code == 503
    assert list(ended) == []
    assert Observation.objects.get(node=node).turn == before


def test_page_and_api_settle_it_for_who_may_change_nodes(machine: Machine, node: Node) -> None:
    beside(machine)
    somebody, administrator = Client(), Client()
    somebody.force_login(User.objects.create_user("eve"))
    administrator.force_login(User.objects.create_superuser("ann"))
    page, api = f"/nodes/{node.pk}/callers-settled/", f"/api/v1/nodes/{node.pk}/callers-settled/"
    assert "Only one machine calls now" in administrator.get(f"/nodes/{node.pk}/", secure=True).content.decode()
    assert [somebody.post(url, content_type="application/json", secure=True).status_code for url in (page, api)] == [403, 403]
    assert CallerFinding.objects.exists()
    assert administrator.post(page, secure=True).status_code == 302
    beside(machine)
    assert administrator.post(api, content_type="application/json", secure=True).status_code == 200
    assert not CallerFinding.objects.exists()
    assert [row.text for row in history(node).rows][:2] == [
        "Resolved: only one machine calls as this node", "From 10.0.0.9: two machines call as this node, or it was restored",
    ]  # fmt: skip
