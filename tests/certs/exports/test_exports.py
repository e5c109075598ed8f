"""Exports are made in jobs, stored for a day, renewed and revoked. After a kill at any step, the next worker completes the work."""

import io
import os
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from django.test import RequestFactory
from django.utils import timezone

from audit.actors import SYSTEM
from certs.certificates.issuer import issuing_root
from certs.errors import ArchiveGone, IllegalTransition, StaleExport
from certs.exports import worker as export_work
from certs.exports.services import (
    ExportOptions,
    archives_wipe,
    export_renew,
    export_revoke,
    export_seen,
    export_transition,
    exports_download,
    exports_request,
)
from certs.exports.status import export_status, exports_with_key
from certs.models import Certificate, Export
from certs.states import EXPORT_TRANSITIONS, ExportStatus
from jobs.models import Job
from jobs.tasks import run
from nodes.node_api.views import heartbeat_view, status_view
from nodes.renewal.blocked_reason import blocked_column
from nodes.rotations.database_key_view_models import key_rotation_page, nodes_before_key_rotation
from pki.core import database_key, keys
from pki.issuing.revocation_list import RevocationCode
from sealing.local_keys import own_store
from tests import factories
from tests.certs.exports.exported import PEM, PEM_FILES, SECRET, held, made, work

pytestmark = pytest.mark.django_db


def test_an_export_is_made_signed_and_put_into_its_folder(zone: Path) -> None:
    (export,) = made()
    assert (export.status, export.generation, export.made_generation, export.sealed_password) == ("made", 1, 1, None)
    rows = held(export)
    assert [
        (kind, row.role, row.holder, row.subject, row.sealed_private_key, row.database_key_version) for kind, row in sorted(rows.items())
    ] == [
        ("client", "Client", "export reports.example", "CN=QlikClient", None, 0),
        ("service", "Service", "export reports.example", "CN=reports.example", None, 0),
    ]
    assert rows["service"].subject_alternative_names == ["reports.example"]
    assert export.not_after == min(row.not_after for row in rows.values())
    folder = zone / "reports.example"
    assert sorted(path.name for path in folder.iterdir()) == PEM_FILES
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.resolve().stat().st_mode & 0o777 == 0o700
    assert (export.folder, export.folder_problem) == (str(folder), "")
    archive = zipfile.ZipFile(io.BytesIO(exports_download(actor=SYSTEM, exports=[export], now=timezone.now())))
    assert {name: archive.read(name) for name in archive.namelist()} == {
        f"reports.example/{path.name}": path.read_bytes() for path in folder.iterdir()
    }
    assert Job.objects.get(subject=export.pk).outcome == "done"


@pytest.mark.parametrize("with_key", [True, False], ids=["with the database key", "without"])
def test_the_database_key_is_included_only_on_request(zone: Path, with_key: bool) -> None:
    (export,) = made(options=ExportOptions("pem", include_secrets_key=with_key))
    service, key = held(export)["service"], keys.from_pem((zone / "reports.example/server_key.pem").read_bytes())
    carried = {extension.oid.dotted_string for extension in service.x509().extensions} & {"1.3.6.1.5.5.7.13.1", "1.3.6.1.5.5.7.13.2"}
    assert (len(carried), service.database_key_version) == ((2, 1) if with_key else (0, 0))
    if with_key:
        assert database_key.read(service.x509(), key) == own_store().database_key()
    now = timezone.now()
    assert [shown.pk for shown in exports_with_key(now=now)] == [export.pk] * with_key
    assert [
        shown.pk
        for shown in key_rotation_page(blocked_column(nodes_before_key_rotation(now=now), now=now), error="", now=now).exports.named
    ] == [export.pk] * with_key


def test_a_legacy_export_has_only_rsa_keys(zone: Path) -> None:
    (export,) = made(options=ExportOptions("windows", SECRET, legacy=True))
    assert {row.key_type for row in held(export).values()} == {"RSA-2048"}
    assert sorted(path.name for path in (zone / "reports.example").iterdir()) == ["client.pfx", "root.cer", "server.pfx"]


def test_one_failed_export_stops_no_other(zone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = export_work.certificates_for

    def only_some(**arguments: Any) -> list[Certificate]:
        if next(iter(arguments["drafts"])).holder == "export b.example":
            raise database_key.ProfileError("the linter objects")
        return make(**arguments)

    monkeypatch.setattr(export_work, "certificates_for", only_some)
    exports = made("a.example", "b.example", "c.example")
    assert [export.status for export in exports] == ["made", "failed", "made"]
    assert (exports[1].status_reason, exports[1].sealed_password) == ("The certificates could not be made: the linter objects", None)
    assert "Renew it to try again" in export_status(exports[1]).action_required
    monkeypatch.undo()


@pytest.mark.parametrize("after", ["nothing", "certificate", "archive", "folder"])
def test_a_killed_worker_leaves_no_step_undone_or_done_twice(zone: Path, monkeypatch: pytest.MonkeyPatch, after: str) -> None:
    """Killed once at each step. The next claim continues the work."""

    class Killed(BaseException):
        pass

    def killed(*_: Any, **__: Any) -> Any:
        raise Killed

    (export,) = exports_request(actor=SYSTEM, machine_names=["reports.example"], options=PEM, now=timezone.now())
    place = {"nothing": "certificates_for", "certificate": "_files", "archive": "_settle_folder", "folder": "job_finish"}[after]
    with monkeypatch.context() as patched:
        patched.setattr(export_work, place, killed)
        with pytest.raises(Killed):
            run()
    Job.objects.update(lease_until=None)
    work()
    export.refresh_from_db()
    assert (export.status, export.folder_generation) == ("made", 1)
    assert Certificate.objects.filter(holder_id=export.pk).count() == 2
    assert sorted(path.name for path in (zone / "reports.example").iterdir()) == PEM_FILES


def test_a_missing_folder_is_explained_and_stops_no_work(zone: Path) -> None:
    zone.mkdir(parents=True, exist_ok=True)
    (zone / "reports.example").mkdir()
    (zone / "reports.example/mine.txt").write_text("somebody's own")
    (export,) = made()
    assert (export.status, export.folder, export.folder_generation) == ("made", "", 0)
    assert "exists, and is not a link that the console made. Fix that" in export.folder_problem
    assert (zone / "reports.example/mine.txt").exists()


def test_a_renewal_makes_the_next_generation_and_the_old_one_stays_accepted(zone: Path) -> None:
    (export,) = made()
    old, before = held(export), (zone / "reports.example/client.pem").read_text()
    export_renew(actor=SYSTEM, export=export, options=ExportOptions("windows", SECRET), now=timezone.now())
    assert (export.archive, (zone / "reports.example/client.pem").read_text()) == (None, before)  # until the new files are there
    work()
    export.refresh_from_db()
    assert (export.status, export.generation, export.made_generation, export.format) == ("made", 2, 2, "windows")
    assert {row.status for row in Certificate.objects.filter(pk__in=[certificate.pk for certificate in old.values()])} == {"superseded"}
    assert Certificate.objects.accepted().filter(holder_id=export.pk).count() == 4
    assert sorted(path.name for path in (zone / "reports.example").iterdir()) == ["client.pfx", "root.cer", "server.pfx"]
    (kept,) = (zone / ".exports").iterdir()
    assert kept.name.startswith(f"{export.pk}-2-")


def test_a_failed_renewal_keeps_the_current_certificates(zone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (export,) = made()
    old = held(export)
    with monkeypatch.context() as patched:
        patched.setattr(export_work, "key_take", lambda *_, **__: (_ for _ in ()).throw(database_key.ProfileError("no key")))
        export_renew(actor=SYSTEM, export=export, options=PEM, now=timezone.now())
        work()
    export.refresh_from_db()
    assert (export.status, export.generation, export.made_generation) == ("failed", 2, 1)
    assert {certificate.pk for certificate in export_status(export).certificates} == {certificate.pk for certificate in old.values()}
    assert "The current certificates stay accepted" in export_status(export).action_required


def test_a_revocation_ends_every_generation_and_frees_the_name(zone: Path) -> None:
    (export,) = made()
    export_renew(actor=SYSTEM, export=export, options=PEM, now=timezone.now())
    work()
    export.refresh_from_db()
    code = RevocationCode.KEY_COMPROMISE
    export_revoke(actor=SYSTEM, export=export, reason="its disk was stolen", code=code, now=timezone.now())
    work()
    assert set(Certificate.objects.filter(holder_id=export.pk).values_list("status", "revocation_code")) == {("revoked", "keyCompromise")}
    assert Certificate.objects.filter(holder_id=export.pk).count() == 4
    export.refresh_from_db()
    assert (export.status, export.archive, export.folder, os.path.lexists(zone / "reports.example")) == ("revoked", None, "", False)
    assert list((zone / ".exports").iterdir()) == []
    assert len(x509.load_der_x509_crl(bytes(issuing_root().revocation_lists.signed()[0].der))) == 4
    with pytest.raises(IllegalTransition, match="already revoked"):
        export_revoke(actor=SYSTEM, export=export, reason="again", code=code, now=timezone.now())
    with pytest.raises(IllegalTransition, match="Make a new one"):
        export_renew(actor=SYSTEM, export=export, options=PEM, now=timezone.now())
    assert made()[0].status == "made"


def test_the_files_are_kept_for_a_day(zone: Path) -> None:
    (export,) = made()
    now = timezone.now()
    assert archives_wipe(actor=SYSTEM, now=now + timedelta(hours=23)) == 0
    assert archives_wipe(actor=SYSTEM, now=now + timedelta(hours=24, minutes=1)) == 1
    assert archives_wipe(actor=SYSTEM, now=now + timedelta(hours=25)) == 0
    export.refresh_from_db()
    assert (export.archive, export.archive_until) == (None, None)
    with pytest.raises(ArchiveGone, match="deleted one day after"):
        exports_download(actor=SYSTEM, exports=[export], now=now)
    assert (zone / "reports.example/client.pem").exists()


@pytest.mark.parametrize("old", ExportStatus)
@pytest.mark.parametrize("new", ExportStatus)
def test_every_transition_of_exports(zone: Path, old: ExportStatus, new: ExportStatus) -> None:
    now = timezone.now()
    export = factories.export(at=now, status=old)
    if new in EXPORT_TRANSITIONS[old]:
        export_transition(export=export, to=new, reason="x", actor=SYSTEM, now=now)
        assert export.status == new
        stale = Export(pk=export.pk, machine="a.example", status=old, generation=1)
        with pytest.raises((StaleExport, IllegalTransition)):
            export_transition(export=stale, to=new, reason="x", actor=SYSTEM, now=now)
    else:
        with pytest.raises(IllegalTransition):
            export_transition(export=export, to=new, reason="x", actor=SYSTEM, now=now)


def asked(view: Any, certificate: Certificate) -> int:
    request = RequestFactory().get("/") if view is status_view else RequestFactory().post("/", "{}", "application/json")
    request.environ["asgi.scope"] = {"state": {"peer_certificate": bytes(certificate.der or b"")}}
    answered: int = view(request).status_code
    return answered


def test_the_node_api_records_an_export_and_refuses_it(zone: Path) -> None:
    (export,) = made()
    certificate = held(export)["client"]
    assert asked(heartbeat_view, certificate) == 403
    export.refresh_from_db()
    first = export.last_seen_at
    assert first is not None
    assert asked(status_view, certificate) == 200
    export.refresh_from_db()
    assert export.last_seen_at == first  # once a minute
    export_seen(holder_id=export.pk, now=first + timedelta(seconds=61))
    export.refresh_from_db()
    assert export.last_seen_at == first + timedelta(seconds=61)
    export_revoke(actor=SYSTEM, export=export, reason="x", code=RevocationCode.UNSPECIFIED, now=timezone.now())
    Export.objects.update(last_seen_at=None)
    asked(heartbeat_view, certificate)
    assert Export.objects.get(pk=export.pk).last_seen_at is None
