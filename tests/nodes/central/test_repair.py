"""A central node without valid certificates gets new ones in place: what is repaired, what is refused, and a kill at every step."""

import contextlib
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from agent import store
from agent.store import Store
from agent.tls import client_context, node_api_context
from attention.needs import attention
from audit.actors import SYSTEM, Actor, PermissionRefused
from audit.models import Event
from backups.proof import fields_open, problems, remarks
from certs.certificates.services import certificate_withdraw
from certs.errors import ClockDoubtful
from certs.models import Certificate, DatabaseKey, TrustZone
from certs.states import DatabaseKeyStatus
from jobs.clock import NAME
from jobs.models import PeriodicWork
from nodes.central import repair as repairing
from nodes.central.blocked_reason import central_blocked_reason
from nodes.central.founding import zone_found
from nodes.central.repair import RepairRefused, central_repair
from nodes.central.services import CentralBusy, central_alone, central_install, central_next
from nodes.inventory.transition import node_transition
from nodes.issuance.services import GenerationRequest, older_supersede, package_make
from nodes.models import Node
from nodes.rotations.database_key import key_rotation_start
from pki.issuing.revocation_list import RevocationCode
from qmc.checks import central_node_has_certificates
from sealing.errors import TrustZoneError
from sealing.local_keys import key_ring_read, own_store
from tests import factories
from tests.qmc.recreation.test_recreate import Killed, shakes_hands
from tests.slow import RUN_SLOW, one_of
from tests.whole_log import verify

pytestmark = pytest.mark.django_db


def now() -> datetime:
    return datetime.now(UTC)


def central() -> Node:
    return Node.objects.get(is_central=True)


@pytest.fixture
def rim(site_directory: Path) -> Node:
    """A registered node with a store of its own beside the central one, and a password that must go on being readable."""
    factories.connection(at=now(), password="s3cret")
    node = factories.node(at=now(), host_name="central.example.rim", generation=1)
    request = GenerationRequest(node, 1, Node.objects.filter(pk=node.pk), in_a_hurry=False, actor=SYSTEM)
    Store(site_directory / "rim").install(package_make(request, expires_at=now() + timedelta(days=1), now=now()), now=now())
    older_supersede(node, 1, now=now())
    return node


def revoke(**which: Any) -> None:
    for certificate in Certificate.objects.accepted().filter(**which):
        certificate_withdraw(certificate=certificate, reason="t", code=RevocationCode.UNSPECIFIED, actor=SYSTEM, now=now())


def all_revoked(_: Path) -> None:
    revoke(holder_id=central().pk)
    revoke(kind="cluster")


def client_revoked(_: Path) -> None:
    revoke(holder_id=central().pk, kind="client")


def rows_of_yesterday(home: Path) -> None:
    """The database was put back, the store was not."""
    central_install(central_next(reason="renewed", now=now()), now=now())
    Certificate.objects.filter(holder_id=central().pk, generation=2).delete()
    Certificate.objects.filter(holder_id=central().pk).update(status="issued")
    Node.objects.filter(is_central=True).update(generation=1)


def store_of_yesterday(home: Path) -> None:
    """The store was put back, the database was not."""
    shutil.copytree(home, home.with_name("yesterday"), symlinks=True)
    central_install(central_next(reason="renewed", now=now()), now=now())
    shutil.rmtree(home)
    home.with_name("yesterday").rename(home)


def two_keys(home: Path) -> None:
    """In the middle of a rotation of the database key, and nothing but the service pairs is left."""
    key_rotation_start(actor=SYSTEM, now=now())
    central_install(central_next(reason="rotation", now=now()), now=now())
    DatabaseKey.objects.filter(version=2).update(status=DatabaseKeyStatus.DELIVERED)
    (home / "current").unlink()
    shutil.rmtree(home / "generations")


def pairs_lost(home: Path) -> None:
    """The one service pair that opens the database key is in a generation that nothing leads to."""
    shutil.rmtree(home / "service-pairs")
    (home / "current").unlink()


def damaged(name: str, content: bytes | None) -> Callable[[Path], None]:
    def damage(home: Path) -> None:
        path = home / "current" / name
        path.unlink() if content is None else path.write_bytes(content)

    return damage


FILES = [
    "manifest.json", "machine/root/roots.pem", "machine/personal/service.pem", "machine/personal/cluster.pem", "user/personal/client.pem",
    "exported/server.pem", "exported/server_key.pem", "exported/client.pem", "exported/client_key.pem",
]  # fmt: skip
TROUBLES: dict[str, Callable[[Path], None]] = {
    function.__name__: function for function in (all_revoked, client_revoked, rows_of_yesterday, store_of_yesterday, two_keys, pairs_lost)
}
TROUBLES |= {
    f"{name} {how}": damaged(name, content)
    for name in (FILES[::3] if RUN_SLOW else FILES[:1])
    for how, content in (("empty", b""), ("lost", None))
}
TROUBLES |= {f"{name} of NUL": damaged(name, bytes(64)) for name in (FILES if RUN_SLOW else FILES[1::3])}


def is_well(before: dict[str, Any], site_directory: Path, *, at: datetime | None = None) -> None:
    later, at = at is not None, at or now()
    assert central_blocked_reason(now=at) == ""
    assert (problems(now=at), list(remarks(now=at)), fields_open()[1]) == ([], [], [])
    assert (before["keys"], before["nodes"]) == (set(key_ring_read().keys), untouched())
    held = Certificate.objects.filter(holder_id=central().pk, status="issued")
    assert {certificate.kind for certificate in held} == {"service", "client"}
    assert {certificate.sealed_private_key for certificate in held} == {None}
    installed, rim = own_store(), Store(site_directory / "rim").current()
    assert rim is not None
    assert later or shakes_hands(node_api_context(installed), client_context(rim))
    assert [path.name for path in (site_directory / "node/generations").iterdir()] == [str(installed.generation)]
    assert central().generation == installed.generation
    verify()
    with pytest.raises(RepairRefused, match="valid until"):
        central_repair(actor=SYSTEM, now=at)


def untouched() -> list[dict[str, Any]]:
    """Everything of the other nodes: rows and certificates."""
    nodes = list(Node.objects.filter(is_central=False).values())
    return nodes + list(Certificate.objects.filter(holder_id__in=[node["id"] for node in nodes]).order_by("pk").values())


@pytest.mark.parametrize("damage", one_of(2, TROUBLES.values()), ids=TROUBLES)
def test_a_central_node_without_valid_certificates_gets_new_ones(rim: Node, site_directory: Path, damage: Callable[[Path], None]) -> None:
    damage(site_directory / "node")
    before = {"keys": {database_key.key_id for database_key in DatabaseKey.objects.live()}, "nodes": untouched()}
    said = central_repair(actor=SYSTEM, now=now()).blocked_reason
    assert said
    is_well(before, site_directory)
    started, ended = Event.objects.for_target(central().pk).filter(action__startswith="central.").order_by("sequence")
    assert (started.action, started.detail["reason"], ended.action) == ("central.repair_started", said, "central.repaired")


def test_expired_certificates_of_a_root_that_has_not_expired(rim: Node, site_directory: Path) -> None:
    TrustZone.objects.update(lifetime_months=12)
    central_install(central_next(reason="shorter", now=now()), now=now())
    before, later = (
        {"keys": {database_key.key_id for database_key in DatabaseKey.objects.live()}, "nodes": untouched()},
        now() + timedelta(days=400),
    )
    assert "expired at" in central_repair(actor=SYSTEM, now=later).blocked_reason
    is_well(before, site_directory, at=later)


def test_overview_and_deployment_check_name_the_repair(rim: Node, site_directory: Path) -> None:
    node_transition(node=rim, to="decommissioned", reason="", actor=SYSTEM, now=now())
    all_revoked(site_directory)
    first = attention(now())[0].need
    assert (first.code, first.severity, "repair_central" in first.remedy, "revoked" in first.text) == (
        "central-without-certificates", "critical", True, True,
    )  # fmt: skip
    (found,) = central_node_has_certificates()
    assert (found.id, "is revoked since" in found.msg, "repair_central" in str(found.hint)) == ("qmc.E030", True, True)
    call_command("repair_central")
    assert "central-without-certificates" not in [ranked.need.code for ranked in attention(now())]
    assert central_node_has_certificates() == []


def nothing(_: Path) -> None:
    pass


def root_without_key(home: Path) -> None:
    client_revoked(home)
    Certificate.objects.filter(kind="root").update(encrypted_private_key=None)


def root_expired(home: Path) -> None:
    client_revoked(home)
    Certificate.objects.filter(kind="root").update(not_after=now() - timedelta(days=1))


def no_root(home: Path) -> None:
    client_revoked(home)
    Certificate.objects.filter(kind="root").update(status="revoked")


def passphrase_of_another(home: Path) -> None:
    client_revoked(home)
    settings.ROOT_PASSPHRASE_FILE.write_text("of another site")


def database_key_lost(home: Path) -> None:
    for path in home.rglob("service.pem"):
        path.write_bytes(bytes(10))


def clock_jumped(home: Path) -> None:
    client_revoked(home)
    PeriodicWork.objects.create(name=NAME, lease_until=now() + timedelta(minutes=30), last_success=now(), last_error="90000")


def of_another_node(home: Path) -> None:
    shutil.rmtree(home)
    shutil.copytree(home.with_name("rim"), home, symlinks=True)


def of_another_node_and_damaged(home: Path) -> None:
    of_another_node(home)
    (home / "current").unlink()


REFUSED: dict[Callable[[Path], None], tuple[type[Exception], str]] = {
    nothing: (RepairRefused, "valid until"),
    root_without_key: (RepairRefused, "Restore the site from a backup, or recreate the root"),
    root_expired: (RepairRefused, "recreate_root"),
    no_root: (RepairRefused, "recreate the root"),
    passphrase_of_another: (RepairRefused, "QMC_ROOT_PASSPHRASE_FILE"),
    database_key_lost: (RepairRefused, "manage.py restore"),
    clock_jumped: (ClockDoubtful, "NTP"),
    of_another_node: (RepairRefused, "not the central node"),
    of_another_node_and_damaged: (RepairRefused, "manage.py restore"),
}


@pytest.mark.parametrize("state", REFUSED, ids=lambda function: function.__name__)
def test_a_repair_that_cannot_be_is_refused_with_the_way_out(rim: Node, site_directory: Path, state: Callable[[Path], None]) -> None:
    state(site_directory / "node")
    files = {path: path.read_bytes() for path in (site_directory / "node").rglob("*.*") if path.is_file()}
    rows = list(Certificate.objects.order_by("pk").values("pk", "status")), central().generation, Event.objects.count()
    error, text = REFUSED[state]
    with pytest.raises(error, match=text):
        central_repair(actor=SYSTEM, now=now())
    with pytest.raises(CommandError, match=text):
        call_command("repair_central")
    assert rows == (list(Certificate.objects.order_by("pk").values("pk", "status")), central().generation, Event.objects.count())
    assert files == {path: path.read_bytes() for path in (site_directory / "node").rglob("*.*") if path.is_file()}


def test_only_who_may_and_one_at_a_time(rim: Node, site_directory: Path) -> None:
    all_revoked(site_directory)
    with pytest.raises(PermissionRefused):
        central_repair(actor=Actor("user", "anna", User.objects.create_user("anna")), now=now())
    with central_alone(), pytest.raises(CentralBusy):
        central_repair(actor=SYSTEM, now=now())


STEPS = ["_make_readable", "_begin", "_cluster_ensure", "central_install", "central_settle", "central_clean"]
WRITTEN = [1, 20] if not RUN_SLOW else range(40)


@pytest.mark.parametrize(
    ("damage", "step"), one_of(2, [*product([all_revoked], STEPS), *product([two_keys], WRITTEN)]),
    ids=lambda value: value.__name__ if callable(value) else str(value),
)  # fmt: skip
def test_a_kill_at_any_step_is_made_good_by_the_next_run(
    rim: Node, site_directory: Path, damage: Callable[[Path], None], step: str | int
) -> None:
    """`step` is a function that it never came to, or how many files were written before."""
    damage(site_directory / "node")
    before = {"keys": {database_key.key_id for database_key in DatabaseKey.objects.live()}, "nodes": untouched()}
    left, real = [step if isinstance(step, int) else 1000], store.write

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    def write(path: Path, content: bytes) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        real(path, content)

    with pytest.MonkeyPatch.context() as patched, contextlib.suppress(Killed):
        patched.setattr(store, "write", write)
        if isinstance(step, str):
            patched.setattr(repairing, step, killed)
        central_repair(actor=SYSTEM, now=now())
        assert isinstance(step, int), "it never came to that step"
    with contextlib.suppress(RepairRefused):  # the kill came too late
        central_repair(actor=SYSTEM, now=now())
    is_well(before, site_directory)
    assert Event.objects.filter(action="central.repaired").count() == 1


def test_init_names_the_repair_where_the_store_is_damaged(rim: Node, site_directory: Path) -> None:
    for damage in (damaged("manifest.json", b""), pairs_lost):
        damage(site_directory / "node")
        with pytest.raises(TrustZoneError, match="repair_central"):
            zone_found(host_name="central.example", now=now())
