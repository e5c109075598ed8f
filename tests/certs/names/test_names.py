"""The register of names: host names and machines of exports have one holder, further names have any number of nodes."""

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from attention.needs import Look, Severity
from audit.actors import SYSTEM
from certs.exports.services import export_revoke, exports_request
from certs.models import HolderKind, NameClaim, NameHolder
from certs.names.attention import needs
from certs.names.services import Names, NamesTaken, disputes, names_release, names_take
from nodes.addresses.services import addresses_set
from nodes.inventory.change import node_change
from nodes.inventory.services import node_create
from nodes.models import Node
from nodes.registration.decommission import node_decommission
from pki.issuing.revocation_list import RevocationCode
from tests import factories
from tests.certs.exports.exported import PEM
from web.errors import InputInvalid

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def node(name: str, *further: str, **fields: Any) -> Node:
    host_name = f"{name}.example"
    return node_create(actor=SYSTEM, now=NOW, name=name, host_name=host_name, subject_alternative_names=further, **fields)


def register() -> dict[str, tuple[bool, int]]:
    return {claim.name: (claim.exclusive, claim.holders.count()) for claim in NameClaim.objects.all()}


def taken(exclusive: tuple[str, ...] = (), shared: tuple[str, ...] = (), *, dispute: bool = False, late: int = 0) -> Names:
    """Names of a node that is in the table of nodes, so that messages can say which."""
    made = factories.node(f"n{uuid.uuid4().hex[:8]}", at=NOW, state="created", host_name=uuid.uuid4().hex)
    names = Names(HolderKind.NODE, made.pk, exclusive, shared)
    names_take(requested=[names], now=NOW + timedelta(minutes=late), dispute=dispute)
    return names


def release(names: Names) -> None:
    names_release(kind=names.kind, holder_id=names.holder_id, now=NOW)


PAIRS = {
    "alone, alone": (("a.example",), (), ("A.Example",), (), False),
    "alone, shared": (("a.example",), (), (), ("A.example",), False),
    "shared, alone": ((), ("A.example",), ("a.example",), (), False),
    "shared, shared": ((), ("a.example",), (), ("A.EXAMPLE",), True),
    "one address in two spellings": ((), ("2001:DB8:0::1",), (), ("2001:db8::1",), True),
}


@pytest.mark.parametrize(("first", "first_shared", "second", "second_shared", "both"), PAIRS.values(), ids=PAIRS.keys())
def test_which_holders_may_take_a_name_in_use(first: Any, first_shared: Any, second: Any, second_shared: Any, both: bool) -> None:
    holder = taken(first, first_shared)
    if both:
        other = taken(second, second_shared)
        assert [*register().values()] == [(False, 2)]
        release(holder)
        assert [*register().values()] == [(False, 1)]
        release(other)
    else:
        with pytest.raises(NamesTaken, match="is a name of the node n"):
            taken(second, second_shared)
        assert [*register().values()] == [(bool(first), 1)]
        release(holder)
    assert register() == {}
    taken(second, second_shared)


def test_a_holder_keeps_takes_and_gives_up_names_in_one_step() -> None:
    holder = taken(("a.example",), ("b.example", "10.0.0.1"))
    assert register() == {"10.0.0.1": (False, 1), "a.example": (True, 1), "b.example": (False, 1)}
    names_take(requested=[Names(HolderKind.NODE, holder.holder_id, ("c.example",), ("a.example",))], now=NOW)
    assert register() == {"a.example": (False, 1), "c.example": (True, 1)}


def test_a_refused_holder_takes_no_name() -> None:
    taken(("a.example",))
    with pytest.raises(NamesTaken):
        taken(("b.example",), ("a.example",))
    assert register() == {"a.example": (True, 1)}


def test_a_dispute_lasts_until_one_of_the_holders_is_released() -> None:
    first, second, third = (taken(("a.example",), dispute=True, late=late) for late in range(3))
    disputed = NameHolder.objects.filter(disputed=True)
    assert [row.holder_id for row in disputed.all()] == [second.holder_id, third.holder_id]
    release(first)
    assert [row.holder_id for row in disputed.all()] == [third.holder_id]
    release(third)
    assert (disputed.count(), register()) == (0, {"a.example": (True, 1)})
    release(second)


def test_disputed_nodes_get_a_shared_name_together_and_a_later_one_is_refused() -> None:
    alone = taken(("a.example",))
    sharers = [taken((), ("a.example",), dispute=True, late=late) for late in (1, 2)]
    with pytest.raises(NamesTaken):
        taken((), ("a.example",))
    release(alone)
    assert (NameHolder.objects.filter(disputed=True).count(), register()) == (0, {"a.example": (False, 2)})
    assert sharers


def test_a_disputed_holder_keeps_its_name_when_it_takes_others() -> None:
    taken(("a.example",))
    late = taken(("a.example",), dispute=True)
    names_take(requested=[Names(HolderKind.NODE, late.holder_id, ("a.example",), ("b.example",))], now=NOW)
    assert register() == {"a.example": (True, 2), "b.example": (False, 1)}
    assert disputes(holder_id=late.holder_id)[0].name == "a.example"


def test_a_dispute_is_a_need_and_is_on_the_pages_of_both(site_directory: Path, admin_client: Client) -> None:
    (export,) = exports_request(actor=SYSTEM, machine_names=["b.example"], options=PEM, now=NOW)
    made = node("rim1")
    requested = Names(HolderKind.NODE, made.pk, ("rim1.example",), ("b.example",))
    names_take(requested=[requested], now=NOW + timedelta(minutes=1), dispute=True)
    (need,) = needs(Look(NOW))
    assert (need.code, need.severity, need.identity[1:], need.url) == (
        "name-disputed", Severity.WARNING, ("b.example", "the node rim1"), f"/nodes/{made.pk}/",
    )  # fmt: skip
    assert "b.example is a name of the node rim1 and the export for b.example" in need.text
    for url in ("/", f"/nodes/{made.pk}/", f"/exports/{export.pk}/"):
        assert "b.example has more than one holder" in admin_client.get(url, secure=True).content.decode(), url
    export_revoke(actor=SYSTEM, export=export, reason="replaced", code=RevocationCode.SUPERSEDED, now=NOW)
    assert (list(needs(Look(NOW))), register()["b.example"]) == ([], (False, 1))


def test_every_holder_of_a_site_is_in_the_register_and_releases_its_names(site_directory: Path) -> None:
    central = {"central.example": (True, 1), "localhost": (False, 1), "127.0.0.1": (False, 1)}
    assert register() == central
    rim1, rim2 = node("rim1", "lb.example", "10.0.0.7", address="10.0.0.1"), node("rim2", "LB.example")
    assert register() == central | {
        "rim1.example": (True, 1), "rim2.example": (True, 1), "lb.example": (False, 2), "10.0.0.7": (False, 1),
    }  # fmt: skip
    (export,) = exports_request(actor=SYSTEM, machine_names=["Reports.example"], options=PEM, now=NOW)
    assert register()["reports.example"] == (True, 1)
    node_change(actor=SYSTEM, node=rim1, now=NOW, subject_alternative_names=["rim1.internal"])
    assert (register()["lb.example"], register()["rim1.internal"], "10.0.0.7" in register()) == ((False, 1), (False, 1), False)
    addresses_set(actor=SYSTEM, texts=["qmc.example:4242"], now=NOW)
    assert register()["qmc.example"] == (False, 1)
    for holder in (rim1, rim2):
        node_decommission(actor=SYSTEM, node=holder, now=NOW)
    export_revoke(actor=SYSTEM, export=export, reason="", code=RevocationCode.UNSPECIFIED, now=NOW)
    assert register() == central | {"qmc.example": (False, 1)}


REFUSED = {
    "a host name is a node's": ({"host_name": "RIM1.example"}, "host_name", "RIM1.example is a name of the node rim1"),
    "a host name is a further name": ({"host_name": "lb.example"}, "host_name", "lb.example is a name of the node rim1"),
    "a host name is the machine of an export": ({"host_name": "reports.example"}, "host_name", "the export for reports.example"),
    "a host name is the central node's": ({"host_name": "localhost"}, "host_name", "localhost is a name of the central node"),
    "a further name is a host name": ({"subject_alternative_names": ["rim1.Example"]}, "subject_alternative_names", "rim1.Example is a name of the node rim1"),
    "a further name is the machine of an export": ({"subject_alternative_names": ["x.example", "reports.example"]}, "subject_alternative_names", "reports.example is a name of the export"),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "field", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refused_name_of_a_node_is_reported_with_its_holder(site_directory: Path, fields: dict[str, Any], field: str, text: str) -> None:
    node("rim1", "lb.example")
    exports_request(actor=SYSTEM, machine_names=["reports.example"], options=PEM, now=NOW)
    before = register()
    with pytest.raises(InputInvalid) as refused:
        node_create(actor=SYSTEM, now=NOW, **{"name": "new", "host_name": "new.example"} | fields)
    assert ([*refused.value.errors], text in refused.value.errors[field][0]) == ([field], True)
    if field != "host_name":
        other = node("rim2")
        with pytest.raises(InputInvalid, match="is a name of"):
            node_change(actor=SYSTEM, node=other, now=NOW, **fields)
        node_decommission(actor=SYSTEM, node=other, now=NOW)
    assert register() == before


def test_the_name_of_another_node_is_refused_as_address_of_the_central_node(site_directory: Path) -> None:
    node("rim1")
    with pytest.raises(InputInvalid) as refused:
        addresses_set(actor=SYSTEM, texts=["rim1.example:4242"], now=NOW)
    assert "rim1.example is a name of the node rim1" in str(refused.value.errors["node_api_addresses"])
    assert "rim1.example" not in Node.objects.get(is_central=True).subject_alternative_names
