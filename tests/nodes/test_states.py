"""Every pair of states, for each table: what is allowed happens, the rest is refused, and each move is one event."""

import itertools
import uuid
from datetime import UTC, datetime

import pytest

from audit.actors import SYSTEM, Actor, PermissionRefused
from audit.models import AppendOnly, Event
from certs.certificates.services import certificate_transition
from certs.errors import IllegalTransition
from certs.models import Certificate
from certs.states import TRANSITIONS as CERTIFICATE_TRANSITIONS
from certs.states import CertificateStatus
from nodes.errors import IllegalNodeTransition, InputInvalid, StaleNode
from nodes.inventory.services import checked, node_create
from nodes.inventory.transition import node_transition
from nodes.models import Node
from nodes.registration.decommission import node_decommission
from nodes.states import TRANSITIONS, NodeState
from sealing.fields import Sealed
from tests import factories

NOW = datetime(2026, 11, 24, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def make_node(state: NodeState) -> Node:
    name = uuid.uuid4().hex
    return factories.node(name, at=NOW, state=state)


@pytest.mark.parametrize(("old", "new"), list(itertools.product(NodeState, NodeState)))
def test_node_table(old: NodeState, new: NodeState) -> None:
    node = make_node(old)
    if new in TRANSITIONS[old]:
        node_transition(node=node, to=new, reason="why", actor=SYSTEM, now=NOW)
        assert (node.state, Event.objects.for_target(node.pk).get().detail["to"]) == (new, new)
    else:
        with pytest.raises(IllegalNodeTransition):
            node_transition(node=node, to=new, reason="why", actor=SYSTEM, now=NOW)
        assert Node.objects.get(pk=node.pk).state == old
        assert not Event.objects.for_target(node.pk).exists()


@pytest.mark.parametrize(("old", "new"), list(itertools.product(CertificateStatus, CertificateStatus)))
def test_certificate_table(old: CertificateStatus, new: CertificateStatus) -> None:
    certificate = Certificate.objects.create(
        kind="client", subject="CN=QlikClient", serial=uuid.uuid4().hex, not_before=NOW, not_after=NOW, key_type="EC P-256", lease_until=NOW,
        created_at=NOW, status=old, sealed_private_key=Sealed(b"sealed"),
    )  # fmt: skip
    if new in CERTIFICATE_TRANSITIONS[old]:
        certificate_transition(certificate=certificate, to=new, reason="", actor=SYSTEM, now=NOW)
        assert certificate.status == new
        assert (certificate.sealed_private_key is None) == (new != CertificateStatus.ISSUED)
    else:
        with pytest.raises(IllegalTransition):
            certificate_transition(certificate=certificate, to=new, reason="", actor=SYSTEM, now=NOW)


def test_only_one_worker_wins_a_move() -> None:
    node = make_node(NodeState.CREATED)
    other = Node.objects.get(pk=node.pk)
    node_transition(node=node, to=NodeState.ISSUING, reason="", actor=SYSTEM, now=NOW)
    with pytest.raises(StaleNode):
        node_transition(node=other, to=NodeState.ISSUING, reason="", actor=SYSTEM, now=NOW)


def test_services_ask_for_permission() -> None:
    nobody = Actor("node", "rim1")
    with pytest.raises(PermissionRefused):
        node_create(actor=nobody, now=NOW, name="a", host_name="a.example")
    with pytest.raises(PermissionRefused):
        node_decommission(actor=nobody, node=make_node(NodeState.CREATED), now=NOW)


def test_generations_go_on_for_the_same_host_name() -> None:
    node = node_create(actor=SYSTEM, now=NOW, name="a", host_name="a.example")
    Node.objects.filter(pk=node.pk).update(generation=7)
    node.refresh_from_db()
    node_decommission(actor=SYSTEM, node=node, now=NOW)
    assert node_create(actor=SYSTEM, now=NOW, name="a", host_name="A.example").generation == 7


def test_events_are_append_only() -> None:
    node = node_create(actor=SYSTEM, now=NOW, name="a", host_name="a.example")
    event = Event.objects.for_target(node.pk).get()
    for change in (event.save, event.delete, Event.objects.all().delete, lambda: Event.objects.update(actor="x")):
        with pytest.raises(AppendOnly):
            change()


@pytest.mark.parametrize("address", ["fe80::1%eth0", "::1%lo", "fe80::1%25eth0"])
def test_a_nodes_address_names_no_interface(address: str) -> None:
    """Other machines, and this one after a change of its hardware, do not have that interface."""
    with pytest.raises(InputInvalid) as refused:
        checked(name="rim1", host_name="rim1.example", address=address)
    assert "names an interface of one machine" in str(refused.value.errors["address"])
