"""Which certificates a revocation includes, and that certificates of the central node are refused: over kinds, holders, generations, database keys."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import reverse

from audit.actors import SYSTEM
from certs.certificates.issuer import issuing_root
from certs.certificates.services import certificate_transition
from certs.database_key.services import database_key_transition
from certs.errors import IllegalTransition, StaleCertificate
from certs.exports.services import export_revoke
from certs.models import Certificate, DatabaseKey, RevocationList, Rotation
from certs.revocation.lists import list_issue
from certs.revocation.services import certificate_revoke, revocation_of
from certs.roots.services import cluster_make, root_make
from certs.states import CertificateStatus, DatabaseKeyStatus
from certs.zone.services import zone_current
from nodes.central.services import central_install, central_next, central_settle
from nodes.errors import InputInvalid
from nodes.issuance.services import GenerationRequest, older_supersede, package_make
from nodes.models import Node
from nodes.registration.decommission import node_decommission
from nodes.renewal.services import node_renew, renewals_end
from nodes.rotations.database_key import key_rotation_start
from nodes.rotations.root import root_rotation_roll_back, root_rotation_start
from pki.core.verify import fingerprint
from pki.issuing.revocation_list import RevocationCode
from tests import factories
from tests.certs.exports.exported import made
from tests.slow import one_of

pytestmark = pytest.mark.django_db
ACCEPTED = {"issued", "superseded"}


def now() -> datetime:
    return datetime.now(UTC)


def key_is_delivered(rim: Node) -> None:
    """A rotation of the database key: the central node's second generation has a service certificate for each of two keys."""
    key_rotation_start(actor=SYSTEM, now=now())
    central_install(central_next(reason="rotation", now=now()), now=now())
    key_moves((2, "delivered"))


def key_moves(*moves: tuple[int, str]) -> None:
    for version, to in moves:
        row = DatabaseKey.objects.get(version=version)
        database_key_transition(version=row, to=DatabaseKeyStatus(to), reason="", actor=SYSTEM, now=now())


def key_is_writing(rim: Node) -> None:
    key_is_delivered(rim)
    key_moves((1, "reading"), (2, "writing"))
    generation(rim, 2)


def key_is_retired(rim: Node) -> None:
    """The rotation has finished: the same generation has one certificate in force and one superseded."""
    key_is_writing(rim)
    Rotation.objects.update(under_way=None, finished_at=now())
    key_moves((1, "retired"))
    for certificate in Certificate.objects.issued().filter(kind="service", database_key_version=1):
        certificate_transition(certificate=certificate, to=CertificateStatus.SUPERSEDED, reason="retired", actor=SYSTEM, now=now())


def key_is_retired_and_renewed_since(rim: Node) -> None:
    key_is_retired(rim)
    central_install(central_next(reason="renewed", now=now()), now=now())
    generation(rim, 3)


def root_makes_way(rim: Node) -> None:
    """A rotation of the root before its switch: two roots, two cluster certificates."""
    root_rotation_start(actor=SYSTEM, now=now())
    root = root_make(zone=zone_current(), number=2, actor=SYSTEM, now=now())
    Rotation.objects.update(to_root=root)
    cluster_make(zone=zone_current(), root=root, actor=SYSTEM, now=now())


def root_has_switched(rim: Node) -> None:
    root_makes_way(rim)
    Rotation.objects.update(switched_at=now())
    central_install(central_next(reason="new root", now=now()), now=now())
    generation(rim, 2)


def store_is_ahead(rim: Node) -> None:
    """As after a restore of the rows alone: the installed certificates are recorded as superseded already."""
    for certificate in Certificate.objects.issued().filter(holder="central.example", kind__in=["service", "client"]):
        certificate_transition(certificate=certificate, to=CertificateStatus.SUPERSEDED, reason="", actor=SYSTEM, now=now())


def nothing_more(rim: Node) -> None:
    generation(rim, 2)


def generation(node: Node, number: int) -> None:
    """The node's next generation, as a renewal makes and proves it."""
    Node.objects.filter(pk=node.pk).update(generation=number)
    request = GenerationRequest(node, number, Node.objects.filter(pk=node.pk), in_a_hurry=False, actor=SYSTEM)
    package_make(request, expires_at=now() + timedelta(days=1), now=now())
    older_supersede(node, number, now=now())


@pytest.fixture
def rim(site_directory: Path) -> Node:
    """A registered node with its first generation, beside the central node and one export."""
    node = factories.node(at=now(), generation=1)
    generation(node, 1)
    made()
    return node


def in_the_store() -> set[str]:
    """What the central node's files hold: read with nothing of the product's own."""
    home = settings.NODE_STORE
    live = set(DatabaseKey.objects.exclude(status="retired").values_list("key_id", flat=True))
    files = [
        *(home / "current").resolve().rglob("*.pem"),
        *(pair_file for pair_file in home.glob("service-pairs/*/*.pem") if pair_file.parent.name in live),
    ]
    held: set[str] = set()
    for path in files:
        if "CERTIFICATE-----" in (text := path.read_text()):
            held |= {fingerprint(loaded) for loaded in x509.load_pem_x509_certificates(text.encode())}
    return held


def recorded_for_central() -> set[str]:
    central = Node.objects.get(is_central=True)
    return set(Certificate.objects.issued().filter(holder_id=central.pk).values_list("sha256", flat=True))


def expected(certificate: Certificate, used: set[str]) -> set[uuid.UUID] | None:
    """Computed independently: the certificates that are revoked, None if the central node uses any of them."""
    older = [
        row
        for row in Certificate.objects.filter(holder_id=certificate.holder_id, kind=certificate.kind)
        if row.generation < certificate.generation and row.status in ACCEPTED
    ]
    together = [certificate, *older]
    if certificate.kind == "root" or certificate.status not in ACCEPTED or any(row.sha256 in used for row in together):
        return None
    return {row.pk for row in together}


SITUATIONS: list[Callable[[Node], None]] = [
    nothing_more, key_is_delivered, key_is_writing, key_is_retired, key_is_retired_and_renewed_since, root_makes_way, root_has_switched,
    store_is_ahead,
]  # fmt: skip


@pytest.mark.parametrize("situation", one_of(2, SITUATIONS), ids=lambda function: function.__name__)
def test_exactly_the_listed_certificates_are_revoked_and_none_that_the_central_node_uses(
    rim: Node, situation: Callable[[Node], None]
) -> None:
    situation(rim)
    used, allowed = in_the_store() | recorded_for_central(), 0
    assert len(used) >= 4  # root, service, client, cluster
    for certificate in Certificate.objects.listed():
        expected_rows = expected(certificate, used)
        plan = revocation_of(certificate, now=now())
        if expected_rows is None:
            assert plan.refused, certificate
            with pytest.raises(IllegalTransition):
                certificate_revoke(certificate=certificate, reason="t", code=RevocationCode.UNSPECIFIED, actor=SYSTEM, now=now())
            continue
        assert (plan.refused, {row.pk for row in plan.certificates}, plan.certificates[0].pk) == ("", expected_rows, certificate.pk)
        before = dict(Certificate.objects.values_list("pk", "status"))
        with transaction.atomic():
            certificate_revoke(
                certificate=certificate, reason="t", code=RevocationCode.UNSPECIFIED, actor=SYSTEM, now=now(), listed=expected_rows
            )
            after = dict(Certificate.objects.values_list("pk", "status"))
            transaction.set_rollback(True)
        assert {pk for pk in before if before[pk] != after[pk]} == expected_rows, certificate
        allowed += 1
    assert allowed  # at least the node's own


def test_a_superseded_certificate_of_the_central_node_takes_the_one_in_use_not_with_it(rim: Node, client: Client) -> None:
    """The row C1 itself, through the API and in the words of the page."""
    key_is_retired(rim)
    central = Node.objects.get(is_central=True)
    of_central = Certificate.objects.filter(holder_id=central.pk, kind="service")
    old, new = of_central.get(generation=2, database_key_version=1), of_central.get(generation=2, database_key_version=2)
    client.force_login(User.objects.create_superuser("ann"))
    url = f"/api/v1/certificates/{old.pk}/revoke/"
    listed = [certificate["id"] for certificate in client.get(url, secure=True).json()["certificates"]]
    assert (listed[0], str(new.pk) in listed, len(listed)) == (str(old.pk), False, 2)
    page = client.get(reverse("revocation:revoke", args=[old.pk]), secure=True).content.decode()
    assert all(serial in page for serial in listed)
    answer = client.post(url, {"reason": "to see", "certificates": listed}, content_type="application/json", secure=True)
    assert (answer.status_code, answer.json()["status"], answer.json()["revoked"]) == (200, "revoked", listed)
    new.refresh_from_db()
    assert (new.status, new.sha256 in in_the_store()) == ("issued", True)
    refused = client.get(f"/api/v1/certificates/{new.pk}/revoke/", secure=True).json()["refused"]
    answer = client.post(f"/api/v1/certificates/{new.pk}/revoke/", {"reason": "to see"}, content_type="application/json", secure=True)
    assert (answer.status_code, answer.json()["detail"]) == (409, refused)
    assert "in use by the central node" in refused
    assert "Renew that node first" in refused


def test_nothing_is_revoked_when_the_list_has_changed(rim: Node, client: Client) -> None:
    generation(rim, 2)
    newest = Certificate.objects.get(holder_id=rim.pk, kind="client", generation=2)
    listed = [certificate.pk for certificate in revocation_of(newest, now=now()).certificates]
    oldest = Certificate.objects.get(holder_id=rim.pk, kind="client", generation=1)
    certificate_revoke(certificate=oldest, reason="first", code=RevocationCode.UNSPECIFIED, actor=SYSTEM, now=now(), listed=[oldest.pk])
    with pytest.raises(StaleCertificate, match="Check the new list"):
        certificate_revoke(certificate=newest, reason="t", code=RevocationCode.UNSPECIFIED, actor=SYSTEM, now=now(), listed=listed)
    client.force_login(User.objects.create_superuser("ann"))
    body = {"reason": "t", "certificates": [str(pk) for pk in listed]}
    answer = client.post(f"/api/v1/certificates/{newest.pk}/revoke/", body, content_type="application/json", secure=True)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:trust-zone:changed-meanwhile")
    newest.refresh_from_db()
    assert newest.status == "issued"


def decommission_of_central(rim: Node) -> None:
    with pytest.raises(InputInvalid):
        node_decommission(actor=SYSTEM, node=Node.objects.get(is_central=True), now=now())


def revocation_of_export(rim: Node) -> None:
    (export,) = made("other.example")
    export_revoke(actor=SYSTEM, export=export, reason="t", code=RevocationCode.KEY_COMPROMISE, now=now())


def renewal_of_central_fails(rim: Node) -> None:
    """Its new certificates are withdrawn, the installed ones stay."""
    central = Node.objects.get(is_central=True)
    renewal = node_renew(actor=SYSTEM, node=central, now=now())
    request = GenerationRequest(central, renewal.generation, Node.objects.filter(pk=central.pk), in_a_hurry=False, actor=SYSTEM)
    package_make(request, expires_at=now() + timedelta(days=1), now=now())
    renewals_end(central, reason="called off", actor=SYSTEM, now=now())


def roll_back(rim: Node) -> None:
    root_has_switched(rim)
    root_rotation_roll_back(actor=SYSTEM, rotation=Rotation.objects.get(), now=now())
    central_settle(now=now())


DOORS: dict[str, Callable[[Node], None]] = {
    "decommission": lambda rim: node_decommission(actor=SYSTEM, node=rim, now=now()),
    "decommission of the central node": decommission_of_central,
    "export": revocation_of_export,
    "renewal that fails": renewal_of_central_fails,
    "rotation of the key": key_is_retired,
    "rotation of the root, rolled back": roll_back,
}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_no_other_operation_revokes_certificates_that_the_central_node_uses(rim: Node, door: Callable[[Node], None]) -> None:
    door(rim)
    held = Certificate.objects.filter(sha256__in=in_the_store())
    assert {row.status for row in held} <= ACCEPTED
    assert held.filter(kind="service", holder="central.example").exists()
    assert issuing_root().status == "issued"


def test_the_date_of_a_revocation_never_changes(rim: Node) -> None:
    """Whenever the list is made, also after the clock was set back. Rows come back from a backup to the microsecond (test_backup.py)."""
    root, moment = issuing_root(), now()
    one, other = Certificate.objects.filter(holder_id=rim.pk)
    for certificate, later in ((one, timedelta(0)), (other, timedelta(minutes=1))):
        certificate_revoke(certificate=certificate, reason="t", code=RevocationCode.UNSPECIFIED, actor=SYSTEM, now=moment + later)
    expected_rows = {int(row.serial, 16): at.replace(microsecond=0) for row, at in ((one, moment), (other, moment + timedelta(minutes=1)))}
    for later in (timedelta(minutes=2), timedelta(hours=1), timedelta(days=3), -timedelta(hours=2)):
        assert dates(list_issue(root=root, now=moment + later)) == expected_rows


def dates(made: RevocationList) -> dict[int, datetime]:
    return {entry.serial_number: entry.revocation_date_utc for entry in x509.load_der_x509_crl(bytes(made.der or b""))}
