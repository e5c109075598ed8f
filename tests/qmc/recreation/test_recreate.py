"""Recreating the root: its effects, a kill at every step, and refusals before any change."""

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from agent import store
from agent.store import Store
from agent.tls import client_context, node_api_context, server_context
from attention.needs import Look, needs
from audit.actors import SYSTEM, Actor, PermissionRefused
from audit.models import Event
from backups import backup
from backups.archive import BackupError, pack
from backups.proof import fields_open, problems, remarks
from certs.certificates.issuer import roots_in_force
from certs.models import Certificate, DatabaseKey, Rotation, TrustZone
from certs.states import DatabaseKeyStatus
from jobs.models import Job
from jobs.tasks import run
from nodes.central.founding import zone_found
from nodes.central.services import CentralBusy, central_alone
from nodes.issuance.services import GenerationRequest, package_make
from nodes.models import Node, Registration, Renewal
from nodes.rotations.database_key import key_rotation_start
from nodes.rotations.root import root_rotation_start
from pki.core.verify import fingerprint
from qmc.recreation import services as recreating
from qmc.recreation.services import RecreationRefused, recreation_ask, root_recreate, unfinished
from qmc.recreation.view_models import recreation_page
from sealing.local_keys import own_store
from tests import factories
from tests.slow import RUN_SLOW, takes_minutes
from tests.whole_log import verify

ROOT = Path(settings.BASE_DIR)
NAME = "central.example"
STATES = {
    "created": "created",
    "registered": "failed",
    "awaiting_password": "failed",
    "failed": "failed",
    "decommissioned": "decommissioned",
}


class Killed(BaseException):
    """As `kill -9`: nothing below catches it."""


@pytest.fixture
def site(site_directory: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Node]:
    """A small site with a node in every state, and a password that must go on being readable. Its backups are taken and not tried."""
    now = datetime.now(UTC)
    monkeypatch.setattr(recreating, "backup_verify", lambda **_: "")
    monkeypatch.setattr(backup, "seal", lambda archive, _: pack(archive))  # age takes its second on purpose
    factories.connection(at=now, password="s3cret")
    nodes = {state: node_in(state, now) for state in STATES}
    Node.objects.filter(pk__in=[nodes["registered"].pk, nodes["failed"].pk]).update(registered_at=now)
    Registration.objects.create(
        node=nodes["awaiting_password"], generation=3, actor="anna", created_at=now, expires_at=now, sealed_password="typed once"
    )
    Renewal.objects.create(node=nodes["registered"], generation=3, actor="anna", created_at=now, status="offered", package=b"sealed")
    request = GenerationRequest(nodes["registered"], 3, Node.objects.filter(pk=nodes["registered"].pk), in_a_hurry=False, actor=SYSTEM)
    package_make(request, expires_at=now + timedelta(days=1), now=now)
    return nodes


def node_in(state: str, now: datetime) -> Node:
    name = state.replace("_", "-")
    return factories.node(name, at=now, state=state, generation=3)


def recreate(data_directory: Path) -> Any:
    """As the command does it; every run names its files by another second."""
    now = datetime.now(UTC) + timedelta(seconds=len(list((data_directory / "secrets").iterdir())))
    return root_recreate(trust_zone=NAME, folder=data_directory / "backups", actor=SYSTEM, now=now)


def states() -> dict[str, str]:
    return {node.name.replace("-", "_"): node.state for node in Node.objects.filter(is_central=False)}


def holds_whatever_happened() -> None:
    """Invariants at every moment: the zone is consistent, and every encrypted value opens."""
    assert fields_open()[1] == []
    assert [root.subject for root in roots_in_force()] in (["CN=central.example-CA"], [f"CN=central.example-CA-{newest()}"])
    verify()


def newest() -> int:
    return Certificate.objects.filter(kind="root", status="issued").get().generation


def is_recreated(data_directory: Path) -> None:
    """Nothing of the old zone is in force or in the central stores, nothing of the new one is missing."""
    assert problems(now=datetime.now(UTC)) == []
    assert list(remarks(now=datetime.now(UTC))) == []
    assert fields_open() == (2, [])  # the connection's password and the cluster's key
    (root,) = roots_in_force()
    assert root.generation > 1
    assert {
        certificate.issuer for certificate in Certificate.objects.filter(status__in=["issuing", "issued", "superseded"]).exclude(pk=root.pk)
    } <= {root}
    assert Certificate.objects.filter(status="issued").count() == 4  # root, cluster, the central node's service and client
    old = Certificate.objects.get(kind="root", generation=1)
    assert (old.status, old.encrypted_private_key, old.revocation_code) == ("revoked", None, "keyCompromise")
    assert not Certificate.objects.exclude(kind="cluster").exclude(sealed_private_key=None).exists()
    installed = own_store()
    assert [fingerprint(trusted) for trusted in installed.roots] == [root.sha256]
    assert [path.name for path in (data_directory / "node/generations").iterdir()] == [str(installed.generation)]
    old_serials = {int(certificate.serial, 16) for certificate in Certificate.objects.filter(status="revoked")}
    pairs = Store(data_directory / "node").service_pairs()
    assert all(b"BEGIN CERTIFICATE" in path.read_bytes() for path in pairs)
    assert len(pairs) == 1
    assert installed.service.serial_number not in old_serials
    assert states() == STATES
    assert unfinished(TrustZone.objects.get()) is None
    assert Event.objects.filter(action="root.recreation_completed").count() == 1
    verify()


def test_the_old_zone_ends_and_the_new_one_is_complete(site: dict[str, Node], data_directory: Path) -> None:
    before = own_store().database_key().key_id
    copy = recreate(data_directory)
    is_recreated(data_directory)
    assert own_store().database_key().key_id == before
    assert (copy.file.stat().st_mode & 0o777, copy.passphrase_file.stat().st_mode & 0o777) == (0o600, 0o600)
    assert copy.passphrase_file.parent == data_directory / "secrets"
    registered = Node.objects.get(pk=site["registered"].pk)
    assert registered.state_reason == "The root was recreated. Press Redistribute, then type the new password on the node."
    assert Node.objects.get(pk=site["awaiting_password"].pk).state_reason == registered.state_reason
    assert (Renewal.objects.get().status, Renewal.objects.get().package) == ("failed", None)
    assert not Registration.objects.exclude(sealed_password=None).exists()
    page = recreation_page(actor=SYSTEM, now=datetime.now(UTC))
    assert [step.place for step in page.steps] == ["done"] * 4
    assert {node.name for node in page.nodes} == {"registered", "awaiting-password", "failed"}
    text = str([event.detail for event in Event.objects.all()]) + str([vars(job) for job in Job.objects.all()])
    assert copy.passphrase_file.read_text() not in text


def shakes_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> bool:
    """A real handshake and one byte over a pair of sockets."""
    here, there = socket.socketpair()
    answers: list[bytes] = []

    def answer() -> None:
        with contextlib.suppress(OSError), server.wrap_socket(here, server_side=True) as secure:
            secure.sendall(b"x")

    serving = threading.Thread(target=answer)
    serving.start()
    with contextlib.suppress(OSError), client.wrap_socket(there, server_hostname="central.example") as secure:
        answers.append(secure.recv(1))
    here.close()
    there.close()
    serving.join()
    return answers == [b"x"]


def test_certificates_of_the_old_root_are_refused_in_the_handshake_both_ways(site: dict[str, Node], data_directory: Path) -> None:
    """They have not expired: only their root is not trusted any more."""
    shutil.copytree(data_directory / "node", data_directory / "stolen", symlinks=True)
    stolen = Store(data_directory / "stolen").current()
    assert stolen is not None
    assert shakes_hands(node_api_context(own_store()), client_context(stolen))
    recreate(data_directory)
    assert not shakes_hands(node_api_context(own_store()), client_context(stolen))
    assert not shakes_hands(server_context(stolen), client_context(own_store()))
    assert shakes_hands(node_api_context(own_store()), client_context(own_store()))


def test_nodes_without_certificates_are_needs(site: dict[str, Node], data_directory: Path) -> None:
    recreate(data_directory)
    found = {need.title: need for need in needs(Look(datetime.now(UTC)))}
    need = found["registered: its certificates are no longer valid"]
    assert (need.button, "Press Redistribute" in need.text) == ("Redistribute", True)


STEPS = [
    "backup_make", "backup_verify", "root_make", "roots_revoke", "list_ask", "orphans_revoke", "cluster_make", "central_next", "central_install",
    "central_settle", "central_clean", "job_finish",
]  # fmt: skip


@contextlib.contextmanager
def killed_at(step: str) -> Iterator[None]:
    """What runs inside is killed as it comes to `step`."""

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patched, contextlib.suppress(Killed):
        patched.setattr(recreating, step, killed)
        yield
        pytest.fail(f"it never came to {step}")


@pytest.mark.parametrize("step", STEPS if RUN_SLOW else STEPS[::3])
def test_a_kill_leaves_the_old_zone_or_the_new_one_and_the_next_run_completes_it(
    site: dict[str, Node], data_directory: Path, step: str
) -> None:
    with killed_at(step):
        recreate(data_directory)
    holds_whatever_happened()
    if roots_in_force()[0].generation == 1:
        assert problems(now=datetime.now(UTC)) == []
        assert states() == {name: name for name in STATES}
    recreate(data_directory)
    is_recreated(data_directory)


@pytest.mark.parametrize("written", [0, 12])
def test_a_kill_during_the_installation_loses_no_key(
    site: dict[str, Node], data_directory: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    left, real = [written], store.write

    def write(path: Path, content: bytes) -> None:
        left[0] -= path.is_relative_to(data_directory / "node")
        if left[0] < 0:
            raise Killed
        real(path, content)

    with monkeypatch.context() as patched, contextlib.suppress(Killed):
        patched.setattr(store, "write", write)
        recreate(data_directory)
    holds_whatever_happened()
    if unfinished(TrustZone.objects.get()):
        assert recreate(data_directory) is None  # completed, not begun again
    is_recreated(data_directory)


def test_a_backup_that_fails_its_trial_restore_changes_nothing(
    site: dict[str, Node], data_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(**_: Any) -> str:
        raise BackupError("It did not open.")

    monkeypatch.setattr(recreating, "backup_verify", fails)
    with pytest.raises(BackupError, match=r"because the backup failed\. Nothing was changed\. It did not open"):
        recreate(data_directory)
    assert (states(), problems(now=datetime.now(UTC))) == ({name: name for name in STATES}, [])


def test_a_recreation_during_rotations(site: dict[str, Node], data_directory: Path) -> None:
    """That of the root ends; that of the database key goes on, also with a key that nobody holds yet."""
    root_rotation_start(actor=SYSTEM, now=datetime.now(UTC))
    recreate(data_directory)
    ended = Rotation.objects.get()
    assert (ended.under_way, ended.problem, bool(ended.finished_at)) == (None, "The root was recreated.", True)
    key_rotation_start(actor=SYSTEM, now=datetime.now(UTC))
    recreate(data_directory)
    assert Rotation.objects.get(under_way=True).kind == "database-key"
    new = DatabaseKey.objects.get(version=2)
    assert (new.status, new.key_id) == (DatabaseKeyStatus.PREPARED, own_store().database_key().key_id.hex())
    assert fields_open()[1] == []
    assert problems(now=datetime.now(UTC)) == []
    assert len(Store(data_directory / "node").service_pairs()) == 2


def test_another_name_is_refused(site: dict[str, Node], data_directory: Path) -> None:
    for typed in ("", "central", "other.example", NAME.upper()):
        with pytest.raises(RecreationRefused, match="Nothing was changed"):
            root_recreate(trust_zone=typed, folder=data_directory / "backups", actor=SYSTEM, now=datetime.now(UTC))
        with pytest.raises(RecreationRefused, match="Nothing was changed"):
            recreation_ask(trust_zone=typed, actor=SYSTEM, now=datetime.now(UTC))
    assert (Job.objects.count(), (data_directory / "backups").exists(), states()) == (0, False, {name: name for name in STATES})


def test_recreation_requires_the_permission_the_central_node_and_no_other_run(site: dict[str, Node], data_directory: Path) -> None:
    nobody, now = Actor("user", "anna", User.objects.create_user("anna")), datetime.now(UTC)
    for refused in (
        lambda: root_recreate(trust_zone=NAME, folder=data_directory, actor=nobody, now=now),
        lambda: recreation_ask(trust_zone=NAME, actor=nobody, now=now),
    ):
        with pytest.raises(PermissionRefused):
            refused()
    with central_alone(), pytest.raises(CentralBusy):
        recreate(data_directory)
    Node.objects.filter(is_central=True).update(is_central=False)
    site["created"].is_central = True
    site["created"].save()
    with pytest.raises(RecreationRefused, match="not the central node"):
        recreate(data_directory)


@takes_minutes
def test_a_root_that_has_expired_is_backed_up_proved_and_recreated(data_directory: Path, db: None) -> None:
    """The zone was founded 61 months ago, and nobody renewed anything. The trial is the real one: a restore by another process."""
    zone_found(host_name=NAME, now=datetime.now(UTC) - timedelta(days=61 * 31))
    assert problems(now=datetime.now(UTC)) == []
    assert len([remark for remark in remarks(now=datetime.now(UTC)) if "expired on" in remark]) == 3
    copy = recreate(data_directory)
    assert Event.objects.filter(action="backup.verified", detail__file=copy.file.name).exists()
    assert (problems(now=datetime.now(UTC)), list(remarks(now=datetime.now(UTC)))) == ([], [])
    output = restored(copy, data_directory / "elsewhere")
    assert "CN=central.example-CA expired on" in output
    assert "1 encrypted values open" in output


def restored(copy: Any, folder: Path) -> str:
    """What the restore of the backup says, in a data directory of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QMC_")} | {"QMC_DATA_DIR": str(folder)}
    command = [sys.executable, "manage.py", "restore", str(copy.file), "--passphrase-file", str(copy.passphrase_file)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


def test_the_command_lists_the_effects_and_asks_for_the_name(
    site: dict[str, Node], data_directory: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in ({}, {"trust_zone": "other.example"}):
        monkeypatch.setattr("builtins.input", lambda: "nothing")
        with pytest.raises(CommandError, match=r"Type central\.example"):
            call_command("recreate_root", backup_dir=data_directory / "backups", **words)
    output = capsys.readouterr().out
    assert "node     registered (registered.example; no services; registered): needs a new password" in output
    assert not (data_directory / "backups").exists()
    monkeypatch.setattr("builtins.input", lambda: NAME)
    call_command("recreate_root", backup_dir=data_directory / "backups")
    output = capsys.readouterr().out
    assert "CN=central.example-CA-2 is the root now" in output
    assert "To be redistributed: registered (registered.example)" in output
    is_recreated(data_directory)


@pytest.fixture
def anna(client: Client, site: dict[str, Node]) -> Client:
    user = User.objects.create_user("anna")
    user.user_permissions.add(Permission.objects.get(codename="recreate_root"))
    client.force_login(user)
    return client


def test_the_page_lists_the_effects_and_a_worker_does_it(anna: Client, data_directory: Path) -> None:
    page = anna.get(reverse("recreate_root"), secure=True).content.decode()
    for text in ("registered.example", "awaiting-password.example", "central.example-CA-2", "QlikServiceCluster", "1 other node"):
        assert text in page
    wrong = anna.post(reverse("recreate_root"), {"trust_zone": "other"}, secure=True)
    assert (wrong.status_code, "That is not the name" in wrong.content.decode(), Job.objects.count()) == (409, True, 0)
    assert anna.post(reverse("recreate_root"), {"trust_zone": NAME}, secure=True).status_code == 302
    again = anna.post(reverse("recreate_root"), {"trust_zone": NAME}, secure=True)
    assert (again.status_code, "already" in again.content.decode()) == (409, True)
    assert anna.get(reverse("recreate_root"), secure=True).url == reverse("recreation")
    page = anna.get(reverse("recreation"), secure=True).content.decode()
    assert ("In progress" in page, "line-now" in page) == (True, True)
    run()
    is_recreated(data_directory)
    page = anna.get(reverse("recreation"), secure=True).content.decode()
    (secret,) = (data_directory / "secrets").glob("*.passphrase")
    assert (str(secret) in page, secret.read_text() in page, "0 of 3 nodes are registered again" in page) == (True, False, True)
    assert Job.objects.get(task=recreating.TASK).actor == "anna"


def test_the_page_shows_a_failure_in_the_worker(anna: Client, data_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(**_: Any) -> str:
        """Longer than the job's lease: another worker claims it meanwhile, and finds it busy."""
        Job.objects.filter(task=recreating.TASK).update(lease_until=datetime.now(UTC) - timedelta(seconds=1))
        run()
        raise BackupError("The disk is full.")

    monkeypatch.setattr(recreating, "backup_make", fails)
    anna.post(reverse("recreate_root"), {"trust_zone": NAME}, secure=True)
    run()
    job = Job.objects.get(task=recreating.TASK)
    assert (job.outcome, job.claims) == ("failed", 2)
    page = anna.get(reverse("recreation"), secure=True).content.decode()
    assert ("nothing has changed" in page, "The disk is full" in page, states()) == (True, True, {name: name for name in STATES})


def test_a_worker_completes_a_run_of_the_command(site: dict[str, Node], data_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with killed_at("cluster_make"):
        recreate(data_directory)
    with monkeypatch.context() as patched:
        patched.setattr(recreating, "cluster_make", lambda **_: (_ for _ in ()).throw(OSError("no space")))
        Job.objects.exclude(task=recreating.TASK).delete()
        Job.objects.update(next_attempt_at=datetime.now(UTC))
        run()
    job = unfinished(TrustZone.objects.get())
    assert job is not None
    assert job.progress == "no space"
    Job.objects.filter(pk=job.pk).update(next_attempt_at=datetime.now(UTC))
    run()
    is_recreated(data_directory)
    assert len(list((data_directory / "backups").iterdir())) == 1
