"""The page of a revocation lists its effects first. The overview reports the work that it leaves."""

import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from attention.needs import Look, needs
from audit.actors import SYSTEM
from certs.models import Certificate, RevocationList, TrustZone
from certs.revocation.services import certificate_revoke
from nodes.models import Node, Observation
from nodes.revocation.lists import TouchedList
from nodes.revocation.view_models import nodes_touched, revocation_page, without_valid_certificate
from pki.core import revocation
from pki.issuing import revocation_list
from pki.issuing.revocation_list import RevocationCode
from sitekit.authority import Authority
from tests import factories

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)


def sha(name: str) -> str:
    """A fingerprint for a short name."""
    return hashlib.sha256(name.encode()).hexdigest()


def certificate(kind: str, name: str, **fields: Any) -> Certificate:
    plain = {
        "subject": f"CN={kind}",
        "serial": uuid.uuid4().hex,
        "not_before": NOW,
        "not_after": NOW + timedelta(days=1800),
        "lease_until": NOW,
    }
    return Certificate.objects.create(
        **plain | {"kind": kind, "status": "issued", "sha256": sha(name), "key_type": "EC P-256", "created_at": NOW} | fields
    )


@pytest.fixture
def root(authority: Authority) -> Certificate:
    TrustZone.objects.create(name="central.example", created_at=NOW, founded_at=NOW)
    return certificate("root", "r", der=authority.certificate.public_bytes(Encoding.DER))


@pytest.fixture
def node() -> Node:
    node = factories.node(at=NOW, services=["engine"])
    held = {"service": sha("s2"), "client": sha("c2"), "cluster": sha("k1")}
    Observation.objects.create(node=node, last_seen_at=datetime.now(UTC), installed=held, served={"service": sha("s2"), "proxy": sha("p1")})
    return node


@pytest.mark.parametrize(
    ("kind", "sha256", "own", "presents", "follows"),
    [("service", "s2", True, "installed and served", "Redistribute the node"), ("client", "c2", True, "installed", "Redistribute the node"),
     ("client", "c1", True, "made for this node, not reported as installed", ""), ("cluster", "k1", False, "installed", "that check the revocation list refuse"),
     ("cluster", "k0", False, None, None), ("client", "x", False, None, None),
     ("service", "p1", False, "installed and served", "Redistribute the node")],
    ids=["service in use", "client in use", "superseded", "shared", "shared, an older one", "nobody's", "presented by a program"],
)  # fmt: skip
def test_what_a_revocation_touches(
    root: Certificate, node: Node, kind: str, sha256: str, own: bool, presents: str | None, follows: str | None
) -> None:
    row = certificate(kind, sha256, issuer=root, holder_id=node.pk if own else uuid.uuid4())
    touched = [
        (effect.presents, follows in effect.follows if follows else effect.follows)
        for effect in TouchedList(row).shown(list(nodes_touched(row)), NOW)
    ]
    assert touched == ([(presents, bool(follows) or "")] if presents else [])


def test_page_keeps_what_was_typed_and_revokes(client: Client, root: Certificate, node: Node, authority: Authority) -> None:
    row = certificate("client", "c2", issuer=root, holder_id=node.pk, der=authority.certificate.public_bytes(Encoding.DER))
    client.force_login(User.objects.create_superuser("ann"))
    url = reverse("revocation:revoke", args=[row.pk])
    assert "rim1.example · registered, online · engine" in client.get(url, secure=True).content.decode()
    answer = client.post(url, {"code": "", "reason": "its disk was stolen"}, secure=True)
    assert (answer.status_code, "its disk was stolen" in answer.content.decode(), "Choose why" in answer.content.decode()) == (
        400,
        True,
        True,
    )
    unlisted = client.post(url, {"code": "keyCompromise", "reason": "its disk was stolen"}, secure=True)
    assert (unlisted.status_code, "has changed since the page was opened" in unlisted.content.decode()) == (409, True)
    listed = {"listed": [row.pk]}
    answer = client.post(url, {"code": "keyCompromise", "reason": "its disk was stolen"} | listed, secure=True, follow=True)
    assert "its private key is known to others" in answer.content.decode()
    row.refresh_from_db()
    assert (row.status, row.revocation_code, row.revoked_at is not None) == ("revoked", "keyCompromise", True)
    again = client.post(url, {"code": "keyCompromise", "reason": "twice"} | listed, secure=True)
    assert (again.status_code, "Nothing has changed" in again.content.decode()) == (409, True)
    assert 'type="submit"' not in client.get(url, secure=True).content.decode().partition("<main")[2].partition("</main>")[0]


def test_what_it_took_over_from_is_revoked_with_it(root: Certificate, node: Node) -> None:
    """The generation before lies on the same disk, and is still accepted."""
    made = {
        (kind, generation): certificate(kind, f"{kind}{generation}", issuer=root, holder_id=node.pk, generation=generation, status=status)
        for kind in ("client", "service")
        for generation, status in ((1, "superseded"), (2, "superseded"), (3, "issued"))
    }
    revoked_first = made["client", 2]
    assert [affected.certificate.generation for affected in revocation_page(revoked_first, error="", actor=SYSTEM, now=NOW).revoked] == [
        2,
        1,
    ]
    certificate_revoke(certificate=revoked_first, reason="stolen", code=RevocationCode.KEY_COMPROMISE, actor=SYSTEM, now=NOW)
    revoked = Certificate.objects.filter(status="revoked", revocation_code="keyCompromise").order_by("generation")
    assert [(issued.kind, issued.generation) for issued in revoked] == [("client", 1), ("client", 2)]


def test_page_is_for_who_may_revoke(client: Client, root: Certificate) -> None:
    client.force_login(User.objects.create_user("eve"))
    row = certificate("client", "c2", issuer=root)
    assert client.get(reverse("revocation:revoke", args=[row.pk]), secure=True).status_code == 403


def test_node_without_certificates_in_force_is_named(root: Certificate, node: Node) -> None:
    certificate("client", "c2", issuer=root, holder_id=node.pk, status="revoked", revoked_at=NOW)
    service = certificate("service", "s2", issuer=root, holder_id=node.pk)
    assert "rim1: client certificate revoked" in [need.title for need in needs(Look(NOW))]
    Certificate.objects.filter(pk=service.pk).update(status="revoked")
    assert "rim1: service and client certificate revoked" in [need.title for need in needs(Look(NOW))]


def test_a_node_that_presents_a_revoked_certificate_beside_one_in_force_is_named(root: Certificate, node: Node) -> None:
    """In the middle of a rotation of the database key."""
    certificate("client", "c2", issuer=root, holder_id=node.pk)
    certificate("service", "s1", issuer=root, holder_id=node.pk, database_key_version=1)
    newer = certificate("service", "s2", issuer=root, holder_id=node.pk, database_key_version=2)
    assert without_valid_certificate([node]) == []
    Certificate.objects.filter(pk=newer.pk).update(status="revoked")
    assert without_valid_certificate([node]) == [(node, ["service"])]


def test_an_overdue_list_is_reported_and_can_be_read(client: Client, root: Certificate, authority: Authority) -> None:
    for number, age in ((1, 40), (2, 31)):
        moment = NOW - timedelta(days=age)
        der = revocation_list.list_sign(authority.certificate, authority.key, number=number, entries=[], now=moment)
        RevocationList.objects.create(root=root, number=number, this_update=moment, next_update=moment + timedelta(days=30), der=der)
    RevocationList.objects.create(root=root, number=3, this_update=NOW, next_update=NOW + timedelta(days=30))  # its worker died
    assert [need.title for need in needs(Look(NOW)) if "revocation list" in need.title] == ["The revocation list of CN=root is overdue"]
    client.force_login(User.objects.create_superuser("ann"))
    page = client.get(reverse("certs:detail", args=[root.pk]), secure=True).content.decode()
    assert "It should have been signed again" in page
    for url in (reverse("certs:crl", args=[root.pk]), f"/api/v1/certificates/{root.pk}/crl/"):
        answer = client.get(url, secure=True)
        assert (answer["Content-Type"], revocation.number_of(revocation.load(answer.content)[0])) == ("application/x-pem-file", 2)
    assert client.get(reverse("certs:crl", args=[certificate("client", "c9", issuer=root).pk]), secure=True).status_code == 404


def test_the_page_of_the_shared_certificate_costs_the_same_for_many_nodes(client: Client, root: Certificate, node: Node) -> None:
    row, costs = certificate("cluster", "k1", issuer=root, holder_id=uuid.uuid4(), der=root.der), []
    certificate("cluster", "k2", issuer=root, holder_id=row.holder_id, generation=row.generation + 1)  # the one in force
    client.force_login(User.objects.create_superuser("ann"))
    for numbers in (range(50), range(50, 500)):
        for number in numbers:
            made = factories.node(f"m{number:03}", at=NOW)
            Observation.objects.create(node=made, last_seen_at=datetime.now(UTC), installed={"cluster": sha("k1")})
        with CaptureQueriesContext(connection) as asked:
            page = client.get(reverse("revocation:revoke", args=[row.pk]), secure=True).content
        costs.append(len(asked))
        assert len(page) < 150_000
    assert costs[0] == costs[1] <= 25
    assert "501 nodes use this certificate." in page.decode()
    answer = client.get(reverse("revocation:revoke", args=[row.pk]) + "?search=m007&download=csv", secure=True)
    assert b"".join(answer.streaming_content).decode().splitlines()[1].split(",")[1:4] == ["m007", "m007.example", "installed"]  # type: ignore[attr-defined]
