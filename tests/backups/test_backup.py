"""Backups: refusals before any change, the secrets that are found in a backup, and the work that a restore ends."""

import io
import tarfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyrage
import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from agent.store import Store
from attention.needs import Look, needs
from audit.actors import SYSTEM
from audit.checkpoints.file import checkpoint_file, file_held
from audit.checkpoints.key import public_key_known
from audit.checkpoints.services import CheckpointRefused, audit_gap_accept, checkpoint_sign
from audit.models import Event, Finding, Head
from audit.record import record
from backups import archive as archives
from backups import audit_log
from backups import restore as restoring
from backups.archive import DATA, SECRET_KEY, Archive, BackupError, Origin, pack, private_keys, seal, unpack, unseal
from backups.backup import VERIFIED, backup_make
from backups.dump import dumped_models, in_use, rows_dump, rows_load, sealed_values
from backups.proof import fields_open, problems
from backups.restore import Report, restore
from certs.central_key.services import TASK as RESEALING
from certs.central_key.services import resealing_advance, resealing_is_finished
from certs.exports.services import RESTORED
from certs.models import CentralKey, Certificate, DatabaseKey, NameClaim, NameHolder, TrustZone
from certs.states import DatabaseKeyStatus
from jobs.models import Job, PeriodicWork
from jobs.services import job_claim
from nodes.central.rename import central_rename
from nodes.models import Node, Registration, Renewal
from pki.core import keys
from pki.core.errors import InvalidName
from pki.core.keys import KeyType
from sealing.central_key_file import central_keys
from sealing.fields import Readers, encrypted_fields
from sealing.local_keys import key_ring
from sealing.walk import sealed_counts
from tests import factories
from tests.age import sealed_at_once
from tests.site_template import prepared, settings_of
from tests.slow import takes_minutes
from tests.whole_log import verify

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
WORD = "correct horse battery"


def archive(**further: bytes) -> Archive:
    return Archive(Origin(NOW, "zone", "central.example"), {DATA: b"", SECRET_KEY: b"secret", **further})


@pytest.fixture(scope="module")
def sealed() -> bytes:
    return sealed_at_once(archive(), WORD)


@pytest.fixture
def empty_place(tmp_path: Path, settings: Any) -> Path:
    for name, path in settings_of(tmp_path).items():
        setattr(settings, name, path)
    return tmp_path


@pytest.fixture
def zone(site_directory: Path) -> TrustZone:
    return TrustZone.objects.get()


def test_a_packed_backup_opens_with_the_same_content(sealed: bytes) -> None:
    assert unseal(seal(archive(), WORD), WORD) == unseal(sealed, WORD) == archive()


@pytest.mark.parametrize("place", [0, 40, 0.5, -1], ids=str)
def test_one_flipped_bit_is_refused_and_nothing_is_changed(sealed: bytes, empty_place: Path, db: None, place: float) -> None:
    altered = bytearray(sealed)
    altered[int(place * len(sealed)) if isinstance(place, float) else place] ^= 1
    (empty_place / "b.age").write_bytes(altered)
    with pytest.raises(BackupError, match=r"changed or truncated\. Nothing was changed"):
        restore(file=empty_place / "b.age", passphrase=WORD, now=NOW)
    assert [path.name for path in empty_place.iterdir()] == ["b.age"]


def test_a_wrong_passphrase_opens_nothing(sealed: bytes) -> None:
    with pytest.raises(BackupError, match="passphrase is wrong"):
        unseal(sealed, WORD + "!")


def test_a_machine_that_is_too_busy_says_so_and_tries_again(sealed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """age answers this by the speed that it measures, which no test can choose."""

    def refuse(*_: object) -> None:
        raise pyrage.DecryptError("Excessive work parameter for passphrase. Decryption would take around 40 s.")

    busy = SimpleNamespace(passphrase=SimpleNamespace(decrypt=refuse), DecryptError=pyrage.DecryptError)
    pauses: list[float] = []
    monkeypatch.setattr(archives.time, "sleep", pauses.append)
    monkeypatch.setattr(archives, "pyrage", busy)
    monkeypatch.setattr(archives, "ATTEMPTS", 2)
    with pytest.raises(BackupError, match=r"too busy.*Try again"):
        unseal(sealed, WORD)
    assert len(pauses) == 1


def tar_of(**changes: Any) -> bytes:
    """The tar of a backup with one more entry."""
    packed = io.BytesIO(pack(archive()))
    with tarfile.open(fileobj=packed, mode="a") as tar:
        entry, content = tarfile.TarInfo("node/generations/1/x.pem"), changes.pop("content", b"")
        entry.size = len(content)
        for name, value in changes.items():
            setattr(entry, name, value)
        tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../x", "node/../../x", "node/generations/../../../x", "node/./x", "node//x", "node/", "x", "node/.x", "roots/x.pem"],
)
def test_paths_outside_the_backup_are_refused(name: str) -> None:
    with pytest.raises(BackupError, match="is not a path in a backup"):
        unpack(tar_of(name=name))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_members_that_are_not_regular_files_are_refused(kind: bytes) -> None:
    with pytest.raises(BackupError, match="is not a regular file"):
        unpack(tar_of(type=kind, linkname="/etc/passwd"))


def test_members_must_match_the_manifest() -> None:
    with pytest.raises(BackupError, match="differ from its manifest"):
        unpack(tar_of(content=b"more"))
    with pytest.raises(BackupError, match="not a regular file"):
        unpack(tar_of(name=DATA, content=b"other rows"))
    with pytest.raises(BackupError, match="differ from its manifest"):
        unpack(pack(archive()).replace(b"secret\0", b"Secret\0"))
    with pytest.raises(BackupError, match="lacks secret-key"):
        unpack(pack(Archive(Origin(NOW, "zone", "central.example"), {DATA: b""})))


@given(st.binary(max_size=2000))
def test_invalid_files_are_refused(content: bytes) -> None:
    with pytest.raises(BackupError):
        unpack(content)


def test_private_keys_are_found_by_reading_the_files() -> None:
    assert private_keys(archive()) == ""
    first, second = (keys.generate(KeyType.EC_P256) for _ in range(2))
    pems = [keys.to_pem(first), b"before\n" + keys.to_pem(first) + b"after", keys.to_pem(second)]
    members = {f"node/generations/1/{number}.pem": pem for number, pem in enumerate(pems)}
    members[f"roots/{uuid.uuid4()}.pem"] = keys.to_encrypted_pem(first, b"x")
    members[DATA] = b'{"note": "' + keys.to_pem(second) + b'"}'
    report = private_keys(archive(**members))
    assert report == (
        "1 private key in data.jsonl, 2 private keys of the node store, 1 private key of roots (encrypted with the passphrase of the backup)"
    )


def everything_delete() -> None:
    for model in (User.groups.through, Group.permissions.through, *reversed(dumped_models())):
        model._base_manager.all()._raw_delete("default")


def test_every_row_comes_back_exactly(zone: TrustZone) -> None:
    user = User.objects.create_user("anna", password="a long password")
    group = Group.objects.create(name="operators")
    group.permissions.set(Permission.objects.filter(codename__in=["register_node", "view_node"]))
    user.groups.add(group)
    fill_with_nodes()
    before = rows_dump()
    assert b"PRIVATE KEY" not in before
    assert '"encrypted_private_key"' not in before.decode()
    assert sealed_values(before) == "1 encrypted password, 1 encrypted private key"
    everything_delete()
    assert in_use() == []
    rows_load(before)
    assert rows_dump() == before
    assert verify() == Event.objects.count() > 0
    assert User.objects.get().has_perm("nodes.register_node")
    assert fields_open() == (2, [])


@pytest.mark.parametrize("change", [(b'"model": "nodes.node"', b'"model": "nodes.other"'), (b'"services"', b'"servants"')], ids=str)
def test_rows_of_another_version_are_refused(zone: TrustZone, change: tuple[bytes, bytes]) -> None:
    with pytest.raises(BackupError, match="do not fit this version of the console"):
        rows_load(rows_dump().replace(*change))


def test_restore_refuses_a_database_with_rows(zone: TrustZone, sealed: bytes, settings: Any, tmp_path: Path) -> None:
    (tmp_path / "b.age").write_bytes(sealed)
    with pytest.raises(BackupError, match=r"already has the store of a site. Nothing was changed"):
        restore(file=tmp_path / "b.age", passphrase=WORD, now=NOW)
    settings.NODE_STORE = tmp_path / "other"
    with pytest.raises(BackupError, match=r"database is not empty: .*Nothing was changed"):
        restore(file=tmp_path / "b.age", passphrase=WORD, now=NOW)
    with pytest.raises(InvalidName):
        restore(file=tmp_path / "b.age", passphrase=WORD, host_name="no name", now=NOW)
    assert not (tmp_path / "other").exists()


def test_a_central_key_of_another_site_is_never_overwritten(sealed: bytes, empty_place: Path, db: None) -> None:
    (empty_place / "b.age").write_bytes(sealed)
    (empty_place / "secrets").mkdir()
    (empty_place / "secrets/central-key").write_bytes(b"of another site")
    with pytest.raises(BackupError, match=r"already has a central key.*Nothing was changed"):
        restore(file=empty_place / "b.age", passphrase=WORD, now=NOW)
    assert (empty_place / "secrets/central-key").read_bytes() == b"of another site"


def fill_with_nodes() -> dict[str, Node]:
    """One node in each state that matters."""
    now, nodes = datetime.now(UTC), {}
    for state in ("created", "registered", "awaiting_password", "failed", "decommissioned"):
        nodes[state] = factories.node(state, at=now, host_name=f"{state}.example".replace("_", "-"), state=state, generation=3)
    waits = nodes["awaiting_password"]
    Registration.objects.create(node=waits, generation=3, actor="anna", created_at=now, expires_at=now, sealed_password="typed once")
    Renewal.objects.create(node=nodes["registered"], generation=3, actor="anna", created_at=now, status="offered", package=b"sealed")
    Job.objects.create(
        task="x", subject=waits.pk, title="x", actor="anna", created_at=now, next_attempt_at=now, lease_until=now + timedelta(hours=1)
    )
    return nodes


def test_restore_ends_work_in_progress_and_raises_generations(zone: TrustZone) -> None:
    nodes, now = fill_with_nodes(), datetime.now(UTC)
    export = factories.export(
        at=now,
        batch=zone.pk,
        folder="/old/place",
        folder_generation=1,
        folder_node=Node.objects.get(is_central=True).pk,
        folder_host="central.example",
        made_generation=1,
    )
    restoring._start_over(Origin(NOW, str(zone.pk), zone.name), now=now)
    after = {state: Node.objects.get(pk=node.pk) for state, node in nodes.items()}
    assert {state: (node.state, node.generation) for state, node in after.items()} == {
        "created": ("created", 103), "registered": ("registered", 103), "awaiting_password": ("failed", 103), "failed": ("failed", 103),
        "decommissioned": ("decommissioned", 3),
    }  # fmt: skip
    assert Node.objects.get(is_central=True).generation == 1
    assert "Redistribute" in after["awaiting_password"].state_reason
    assert Registration.objects.exclude(sealed_password=None).count() == 0
    assert (Renewal.objects.get().status, Renewal.objects.get().package) == ("failed", None)
    assert Job.objects.due(now).count() == 1
    export.refresh_from_db()
    assert (export.folder, export.folder_generation, export.folder_problem) == ("", 0, RESTORED)
    assert not PeriodicWork.objects.filter(lease_until__gt=now).exists()
    assert Event.objects.filter(action="backup.restored").exists()


def test_certificates_for_another_host_name_have_the_old_name_too(zone: TrustZone, settings: Any) -> None:
    settings.QMC_NODE_API_ADDRESSES = ["192.0.2.7:4243"]
    central_rename(host_name="new.example", now=datetime.now(UTC))
    central_rename(host_name="newer.example", now=datetime.now(UTC))
    assert problems(now=datetime.now(UTC)) == []
    node = Node.objects.get()
    service = Certificate.objects.issued().get(kind="service")
    assert (TrustZone.objects.get().name, node.host_name, node.generation) == ("newer.example", "newer.example", 3)
    assert {"newer.example", "new.example", "central.example", "192.0.2.7"} <= set(service.subject_alternative_names)
    assert Certificate.objects.get(kind="root").subject == "CN=central.example-CA"
    assert Certificate.objects.exclude(kind="cluster").exclude(sealed_private_key=None).count() == 0
    assert fields_open()[1] == []


def test_each_problem_is_reported_and_hides_no_other(zone: TrustZone) -> None:
    other = keys.to_encrypted_pem(keys.generate(KeyType.EC_P384), b"passphrase of this machine")
    Certificate.objects.filter(kind="root").update(encrypted_private_key=other)
    now = datetime.now(UTC)
    DatabaseKey.objects.create(version=2, status=DatabaseKeyStatus.DELIVERED, key_id="0" * 16, created_at=now, status_since=now)
    row = Certificate.objects.get(kind="cluster")
    model, field = next(pair for pair in encrypted_fields() if pair[0] is Certificate)
    altered = bytearray(row.sealed_private_key.sealed)
    altered[-1] ^= 1
    row.sealed_private_key = type(row.sealed_private_key.sealed)(altered)
    row.save()
    Event.objects.all()._raw_delete("default")
    found = " ".join(problems(now=now))
    assert all(words in found for words in ("audit log", "does not belong to its certificate", "opens database key version 2"))
    assert (fields_open()[0], str(row.pk) in fields_open()[1][0], field.name in fields_open()[1][0]) == (0, True, True)
    assert model is Certificate


def test_a_backup_needs_every_live_database_key_and_replaces_no_file(zone: TrustZone, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    (tmp_path / "taken").touch()
    with pytest.raises(BackupError, match="never replaces a file"):
        backup_make(file=tmp_path / "taken", passphrase=WORD, actor=SYSTEM, now=now)
    with pytest.raises(BackupError, match="12 to 200"):
        backup_make(file=tmp_path / "b.age", passphrase="short", actor=SYSTEM, now=now)
    DatabaseKey.objects.create(version=2, status=DatabaseKeyStatus.DELIVERED, key_id="0" * 16, created_at=now, status_since=now)
    with pytest.raises(BackupError, match="do not open database key version 2"):
        backup_make(file=tmp_path / "b.age", passphrase=WORD, actor=SYSTEM, now=now)
    assert not (tmp_path / "b.age").exists()


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_missing_passphrase_changes_nothing(command: str, site_directory: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(CommandError, match="Give --passphrase-file"):
        call_command(command, str(tmp_path / "b.age"))
    with pytest.raises(CommandError, match="Check --passphrase-file"):
        call_command(command, str(tmp_path / "b.age"), passphrase_file=tmp_path / "missing")
    assert sorted(tmp_path.rglob("*")) == before


def backup_needs(now: datetime) -> Iterator[str]:
    return (need.title for need in needs(Look(now)) if "backup" in need.title)


def test_the_overview_requests_a_backup(zone: TrustZone) -> None:
    now = datetime.now(UTC)
    assert list(backup_needs(now)) == []  # the first node comes first
    factories.node(at=now, state="created")
    assert list(backup_needs(now)) == ["There is no verified backup"]
    row = PeriodicWork.objects.create(name=VERIFIED, lease_until=now, last_success=now)
    assert list(backup_needs(now + timedelta(days=6))) == []
    assert list(backup_needs(now + timedelta(days=9))) == ["The last verified backup is 9 days old"]
    row.last_error = "BackupError: It did not open."
    row.save()
    assert list(backup_needs(now)) == ["The last backup failed its trial restore"]
    assert any(
        (need.text, "`python manage.py backup FILE --verify`" in need.remedy) == ("It did not open.", True) for need in needs(Look(now))
    )


def older_backup(zone: TrustZone, store: Path) -> Archive:
    """A backup by a version without central keys and without a register of names: every value is encrypted with the database key."""
    (key,) = key_ring().keys.values()
    for model, field in encrypted_fields(Readers.CENTER):
        for row in model._base_manager.exclude(**{field.attname: None}):
            model._base_manager.filter(pk=row.pk).update(**{field.attname: getattr(row, field.attname).sealed_anew(key)})
    CentralKey.objects.all().delete()
    NameClaim.objects.all().delete()
    members = {DATA: rows_dump(), SECRET_KEY: b"the site's secret key"}
    members |= {f"node/{name}": content for name, content in Store(store).files().items()}
    root = Certificate.objects.get(kind="root")
    key = keys.from_pem(bytes(root.encrypted_private_key), b"passphrase of this machine")
    members[f"roots/{root.pk}.pem"] = keys.to_encrypted_pem(key, WORD.encode())
    return Archive(Origin(NOW, str(zone.pk), zone.name), members)


def put_back(content: Archive, folder: Path, settings: Any, host_name: str | None = None) -> Report:
    """Restore into an empty place of this process."""
    prepared(folder)
    (folder / "b.age").write_bytes(sealed_at_once(content, WORD))
    everything_delete()
    for name, path in settings_of(folder).items():
        setattr(settings, name, path)
    return restore(file=folder / "b.age", passphrase=WORD, host_name=host_name, now=datetime.now(UTC))


def test_an_older_backup_gets_a_central_key_and_is_re_encrypted(zone: TrustZone, tmp_path: Path, settings: Any) -> None:
    fill_with_nodes()
    report = put_back(older_backup(zone, settings.NODE_STORE), tmp_path / "restored", settings)
    assert (report.problems, report.fields) == ([], 2)
    job = Job.objects.unfinished().get(task=RESEALING)
    assert (str(CentralKey.objects.get().pk), CentralKey.objects.get().key_id) == (str(job.subject), *central_keys())
    assert not resealing_is_finished()
    resealing_advance(job=job_claim(now=datetime.now(UTC), only=job))
    assert set(sealed_counts(Readers.CENTER)) == set(central_keys())
    assert fields_open() == (1, [])  # a password that waited is wiped
    assert any("encrypted with a database key" in remark for remark in report.remarks)


@takes_minutes
def test_an_older_backup_gets_a_register_of_names(zone: TrustZone, tmp_path: Path, settings: Any) -> None:
    fill_with_nodes()
    export = factories.export("A.example", at=NOW, made_generation=1)
    content = older_backup(zone, settings.NODE_STORE)
    with pytest.raises(BackupError, match=f"{export.machine} is a name of the export for {export.machine}.*Nothing was loaded"):
        put_back(content, tmp_path / "refused", settings, host_name=export.machine)
    put_back(content, tmp_path / "restored", settings)
    used = {name.lower() for node in Node.objects.present() for name in (node.host_name, *node.subject_alternative_names)}
    assert {claim.name for claim in NameClaim.objects.all()} == used | {export.machine.lower()}
    assert not NameHolder.objects.filter(disputed=True).exists()


def test_a_backup_restores_its_central_key(zone: TrustZone, tmp_path: Path, settings: Any) -> None:
    fill_with_nodes()
    backup_make(file=tmp_path / "b.age", passphrase=WORD, actor=SYSTEM, now=NOW)
    before, content = central_keys(), unseal((tmp_path / "b.age").read_bytes(), WORD)
    report = put_back(content, tmp_path / "restored", settings)
    assert (report.problems, central_keys(), resealing_is_finished()) == ([], before, True)
    assert tmp_path / "restored/secrets/central-key" == settings.CENTRAL_KEY_FILE
    assert settings.CENTRAL_KEY_FILE.stat().st_mode & 0o777 == 0o600


@takes_minutes
def test_a_backup_without_its_central_key_is_refused_and_changes_nothing(zone: TrustZone, tmp_path: Path, settings: Any) -> None:
    fill_with_nodes()
    backup_make(file=tmp_path / "b.age", passphrase=WORD, actor=SYSTEM, now=NOW)
    archive_text = unseal((tmp_path / "b.age").read_bytes(), WORD)
    cut = Archive(archive_text.origin, {name: content for name, content in archive_text.members.items() if name != "central-key"})
    with pytest.raises(BackupError, match="lacks its central key"):
        put_back(cut, tmp_path / "restored", settings)
    assert in_use() == []
    assert not (tmp_path / "restored/secrets/central-key").exists()


def backed_up(folder: Path) -> Archive:
    """A backup of a site whose log is signed."""
    assert checkpoint_sign(now=datetime.now(UTC)) is not None
    backup_make(file=folder / "b.age", passphrase=WORD, actor=SYSTEM, now=datetime.now(UTC))
    return unseal((folder / "b.age").read_bytes(), WORD)


def test_a_backup_has_the_checkpoints_of_the_audit_log_and_their_public_key(zone: TrustZone, tmp_path: Path, settings: Any) -> None:
    content, lines = backed_up(tmp_path), checkpoint_file().read_bytes()
    assert content.members["audit/checkpoints"] == lines
    assert content.members["audit/public-key.pem"] == public_key_known().encode()
    assert b"PRIVATE KEY" not in content.members[DATA]
    assert "1 private key of the audit log (encrypted with the passphrase of the backup)" in private_keys(content)
    assert put_back(content, tmp_path / "restored", settings).problems == []
    assert checkpoint_file() == tmp_path / "restored/audit/checkpoints"
    assert (checkpoint_file().read_bytes(), checkpoint_file().stat().st_mode & 0o777) == (lines, 0o600)
    row = checkpoint_sign(now=datetime.now(UTC))  # the restore is an event
    assert row is not None
    assert (row.number, verify()) == (2, row.sequence)


def test_an_older_database_beside_a_newer_file_is_found_with_its_times(zone: TrustZone, tmp_path: Path, settings: Any) -> None:
    content, since = backed_up(tmp_path), Head.objects.get().sequence
    later = datetime.now(UTC) + timedelta(days=2)
    factories.node(at=later)
    record(actor=SYSTEM, action="test", target=zone, detail={}, now=later)
    checkpoint_sign(now=later)
    newer = checkpoint_file().read_bytes()
    put_back(content, tmp_path / "restored", settings)
    checkpoint_file().write_bytes(newer)
    with pytest.raises(CheckpointRefused, match="The database was replaced by an older one"):
        checkpoint_sign(now=later)
    (found,) = Finding.objects.all()
    assert (found.kind, found.last, found.until) == ("older-database", since + 1, later.replace(microsecond=0))
    checkpoint = audit_gap_accept(actor=SYSTEM, reason="Restored on purpose.", now=later)
    assert (checkpoint.number, verify() > 0, Finding.objects.count()) == (3, True, 0)


@takes_minutes
def test_a_newer_file_of_checkpoints_is_kept_beside_the_restored_one(zone: TrustZone, tmp_path: Path, settings: Any) -> None:
    content, file = backed_up(tmp_path), tmp_path / "restored/audit/checkpoints"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"newer\n")
    put_back(content, tmp_path / "restored", settings)
    assert [path.read_bytes() for path in file.parent.glob("checkpoints.*")] == [b"newer\n"]


def test_a_backup_without_the_key_of_its_checkpoints_is_refused(zone: TrustZone, tmp_path: Path, settings: Any) -> None:
    content = backed_up(tmp_path)
    members = {name: member for name, member in content.members.items() if name != "audit/private-key.pem"}
    with pytest.raises(BackupError, match="lacks the key of the audit log's checkpoints"):
        put_back(Archive(content.origin, members), tmp_path / "restored", settings)
    assert not (tmp_path / "restored/audit").exists()


def test_a_backup_waits_for_a_checkpoint_that_is_being_signed(zone: TrustZone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_log, "PATIENCE", timedelta(0))
    with file_held(now=NOW), pytest.raises(BackupError, match="are in use by process"):
        backup_make(file=tmp_path / "b.age", passphrase=WORD, actor=SYSTEM, now=NOW)
