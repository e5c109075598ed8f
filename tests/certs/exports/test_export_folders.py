"""The folder of an export: which machine has it, also with concurrent workers and after kills."""

import os
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.actors import SYSTEM
from certs.errors import StaleExport
from certs.exports import worker as export_work
from certs.exports.services import export_renew, export_revoke, folders_start_over
from certs.models import Certificate, Export
from jobs.models import Job
from pki.core.errors import UnknownKey
from pki.issuing.revocation_list import RevocationCode
from sealing.local_keys import own_store
from tests import factories
from tests.certs.exports.exported import PEM, PEM_FILES, made, work

pytestmark = pytest.mark.django_db


def revoke(export: Export) -> None:
    export_revoke(actor=SYSTEM, export=export, reason="stolen", code=RevocationCode.KEY_COMPROMISE, now=timezone.now())


def moved(export: Export) -> uuid.UUID:
    """As if another machine's worker had written its folder: a node with a service certificate of its own."""
    node, row = uuid.uuid4(), Certificate.objects.filter(kind="service").first()
    assert row is not None
    factories.certificate(
        "service",
        holder_id=node,
        at=row.created_at,
        subject="CN=b.example",
        serial="b",
        holder="b",
        issuer=row.issuer,
        not_before=row.not_before,
        not_after=row.not_after,
        lease_until=row.lease_until,
    )
    Export.objects.filter(pk=export.pk).update(folder_node=node, folder_host="b.example")
    return node


def again() -> None:
    Job.objects.unfinished().update(next_attempt_at=timezone.now(), lease_until=None)
    work()


def test_only_the_machine_with_the_folder_removes_it(zone: Path, administrator: Client) -> None:
    (export,) = made()
    assert (str(export.folder_node), export.folder_host) == (own_store().node, "central.example")
    moved(export)
    revoke(export)
    work()
    export.refresh_from_db()
    assert ("is on b.example" in export.folder_problem, Job.objects.unfinished().filter(subject=export.pk).count()) == (True, 1)
    assert export.folder_problem in administrator.get(reverse("exports:detail", args=[export.pk]), secure=True).content.decode()
    assert (zone / "reports.example/client_key.pem").exists()
    Export.objects.update(folder_node=own_store().node)  # now its own worker has the turn
    again()
    export.refresh_from_db()
    assert (export.folder, export.folder_node, export.folder_host, export.folder_problem) == ("", None, "", "")
    assert (Job.objects.unfinished().count(), os.path.lexists(zone / "reports.example"), [*(zone / ".exports").iterdir()]) == (0, False, [])


def test_only_the_machine_with_the_folder_replaces_it_while_it_is_a_node(zone: Path) -> None:
    (export,) = made()
    node, before = moved(export), (zone / "reports.example/client.pem").read_text()
    export_renew(actor=SYSTEM, export=export, options=PEM, now=timezone.now())
    work()
    export.refresh_from_db()
    assert (export.status, export.folder_generation, "and a worker there must replace it" in export.folder_problem) == ("made", 1, True)
    assert (zone / "reports.example/client.pem").read_text() == before
    Certificate.objects.filter(holder_id=node).update(status="revoked")
    again()
    export.refresh_from_db()
    assert (export.folder_generation, export.folder_host, export.folder_problem[:41]) == (
        2, "central.example", "An earlier folder is still on b.example, ",
    )  # fmt: skip


def test_a_retry_keeps_the_current_files_until_the_next_are_complete(zone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after the switch and before the row is updated. Then the disk is full."""
    (export,) = made()
    Export.objects.update(folder_generation=0)
    export.refresh_from_db()
    before = os.readlink(zone / "reports.example")
    with monkeypatch.context() as patched:
        patched.setattr(export_work, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        export_work._settle_folder(export, timezone.now())
    export.refresh_from_db()
    assert export.folder_problem == "It could not be written: No space left on device. Fix that, then renew the export."
    assert sorted(path.name for path in (zone / "reports.example").iterdir()) == PEM_FILES
    export_work._settle_folder(export, timezone.now())
    export.refresh_from_db()
    assert (export.folder_generation, export.folder_problem, os.readlink(zone / "reports.example") != before) == (1, "", True)
    assert [f".exports/{path.name}" for path in (zone / ".exports").iterdir()] == [os.readlink(zone / "reports.example")]


@pytest.mark.parametrize("kind", ["file", "link"])
def test_foreign_files_are_never_replaced(zone: Path, kind: str) -> None:
    link = zone / "reports.example"
    if kind == "file":
        link.write_text("mine")
    else:
        link.symlink_to("/nowhere")
    (export,) = made()
    assert (export.status, export.folder, "exists, and is not a link" in export.folder_problem) == ("made", "", True)
    assert link.read_text() == "mine" if kind == "file" else os.readlink(link) == "/nowhere"
    assert [*(zone / ".exports").iterdir()] == []


def test_a_late_write_of_a_revoked_export_does_not_take_the_link(zone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files are written; before the switch it is revoked and the machine has another export."""
    (export,) = made()
    Export.objects.update(folder_generation=0)
    export.refresh_from_db()
    late, synced = [], export_work.sync_folder

    def meanwhile(folder: Path) -> None:
        synced(folder)
        if not late:
            late.append(folder)
            Export.objects.filter(pk=export.pk).update(status="revoked")

    monkeypatch.setattr(export_work, "sync_folder", meanwhile)
    before = os.readlink(zone / "reports.example")
    with pytest.raises(StaleExport):
        export_work.folder_write(export, own_store())
    assert (os.readlink(zone / "reports.example"), late[0].exists()) == (before, False)


def test_an_archive_that_does_not_open_is_reported_and_finishes_the_job(zone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: Any) -> None:
        raise UnknownKey("The key is not here.")

    monkeypatch.setattr(export_work.files, "unzipped", closed)
    (export,) = made()
    assert export.folder_problem == "It could not be written: The key is not here. Fix that, then renew the export."
    assert Job.objects.get(subject=export.pk).outcome == "done"


def test_after_a_restore_folders_are_written_again_or_a_renewal_is_requested(zone: Path) -> None:
    kept, wiped, gone = made("a.example", "b.example", "c.example")
    revoke(gone)
    Export.objects.filter(pk=wiped.pk).update(archive=None, archive_until=None)
    (zone / "a.example").unlink()
    folders_start_over(node=uuid.UUID(own_store().node), actor=SYSTEM, now=timezone.now())
    kept = Export.objects.get(pk=kept.pk)
    assert (kept.folder, kept.folder_generation, "restored from a backup" in kept.folder_problem) == ("", 0, True)
    work()
    folders = {export.machine: (export.folder != "", export.folder_problem[:8]) for export in Export.objects.all()}
    assert folders == {"a.example": (True, ""), "b.example": (False, "The site"), "c.example": (False, "")}
    assert sorted(path.name for path in (zone / "a.example").iterdir()) == PEM_FILES
