"""Exports by every door: made in jobs, kept for a day, renewed, revoked; what is refused names which name and writes nothing."""

import io
import json
import os
import re
import shutil
import uuid
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from django.contrib.auth.models import Permission, User
from django.db import transaction
from django.db.models import F
from django.test import Client, RequestFactory
from django.test.utils import override_settings
from django.urls import reverse
from django.utils import timezone

from audit.actors import SYSTEM, Actor, PermissionRefused
from audit.models import Event, Head
from certs.errors import ArchiveGone, IllegalTransition, InputInvalid, StaleExport
from certs.models import Certificate, DatabaseKey, Export, RevocationList, Rotation, TrustZone
from certs.own_store import own_store
from certs.services import export_work
from certs.services.certificates import certificate_revoke
from certs.services.export_standing import export_standing, exports_of_root, exports_with_key
from certs.services.exports import (
    Wanted,
    archives_wipe,
    export_renew,
    export_revoke,
    export_seen,
    export_transition,
    exports_download,
    exports_request,
)
from certs.services.issuer import issuing_root, roots_in_force
from certs.services.lifetime import lifetime_preview, zone_current
from certs.services.roots import root_drop, root_make, root_next_number, roots_end
from certs.states import EXPORT_TRANSITIONS, ExportStatus
from jobs.models import Job
from jobs.tasks import run
from nodes.key_story import rotation_plan as key_plan
from nodes.models import Node
from nodes.node_api import heartbeat_view, status_view
from nodes.revocation_story import revocation_plan
from nodes.root_story import rotation_plan, rotation_story
from pki import database_key, keys
from pki.keys import KeyType
from pki.revocation import RevocationCode
from pki.roles import Kind
from qmc.expiry import expiry_board
from qmc.overview import needs
from qmc.recreation import recreation_lines
from qmc.services.founding import zone_found

pytestmark = pytest.mark.django_db
MODELS = (TrustZone, DatabaseKey, Certificate, RevocationList, Node, Event, Head)
SECRET = "Correct horse 9!"
API = "/api/v1/exports/"
PEM = Wanted("pem", SECRET)
PEM_FILES = ["client.pem", "client_key.pem", "crl.pem", "root.pem", "server.pem", "server_key.pem"]
PARTS = {"machine_names": ["a.example"], "format": "windows", "password": SECRET}


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: Any) -> tuple[Path, dict[Any, Any]]:
    """A data directory and the rows of a site that was just founded, which takes a second."""
    place = tmp_path_factory.mktemp("founded")
    outer = transaction.atomic()
    outer._from_testcase = True  # as the tests' own: what is durable here is not really committed
    with override_settings(**places(place)), pytest.MonkeyPatch.context() as patched, django_db_blocker.unblock(), outer:
        for kind in (Kind.SERVICE, Kind.CLUSTER):
            patched.setitem(keys.DEFAULT_KEY_TYPES, kind, KeyType.RSA_2048)
        settings_file = place / "root-passphrase"
        settings_file.write_text("passphrase of this machine")
        zone_found(host_name="central.example", now=timezone.now())
        rows = {model: list(model._base_manager.all()) for model in MODELS}
        transaction.set_rollback(True)
    return place, rows


def places(place: Path) -> dict[str, Path]:
    return {"NODE_STORE": place / "node", "QMC_DATA_DIR": place, "SECRETS_DIR": place, "ROOT_PASSPHRASE_FILE": place / "root-passphrase"}


@pytest.fixture
def zone(founded: tuple[Path, dict[Any, Any]], tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch, db: None) -> Path:
    """The site, and where its exports lie."""
    shutil.copytree(founded[0], tmp_path / "data", symlinks=True)
    for name, place in places(tmp_path / "data").items():
        setattr(settings, name, place)
    for model, rows in founded[1].items():
        model._base_manager.bulk_create(rows)
    monkeypatch.setitem(keys.DEFAULT_KEY_TYPES, Kind.SERVICE, KeyType.RSA_2048)
    return tmp_path / "data/node/Exported Certificates"


@pytest.fixture
def client(db: None) -> Client:
    """An administrator's."""
    made = Client()
    made.force_login(User.objects.create_superuser("admin"))
    return made


def work() -> None:
    """As the worker: until no job is due."""
    while Job.objects.due(timezone.now()).exists():
        run()


def made(*machine_names: str, wanted: Wanted = PEM) -> list[Export]:
    exports = exports_request(actor=SYSTEM, machine_names=machine_names or ["reports.example"], wanted=wanted, now=timezone.now())
    work()
    return [Export.objects.get(pk=each.pk) for each in exports]


def held(export: Export) -> dict[str, Certificate]:
    return {each.kind: each for each in Certificate.objects.filter(holder_id=export.pk, generation=export.generation, status="issued")}


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
def test_the_database_key_goes_along_only_where_it_is_asked_for(zone: Path, with_key: bool) -> None:
    (export,) = made(wanted=Wanted("pem", include_secrets_key=with_key))
    service, key = held(export)["service"], keys.from_pem((zone / "reports.example/server_key.pem").read_bytes())
    carried = {each.oid.dotted_string for each in service.x509().extensions} & {"1.3.6.1.5.5.7.13.1", "1.3.6.1.5.5.7.13.2"}
    assert (len(carried), service.database_key_version) == ((2, 1) if with_key else (0, 0))
    if with_key:
        assert database_key.read(service.x509(), key) == own_store().database_key()
    assert [each.pk for each in exports_with_key(now=timezone.now())] == [export.pk] * with_key
    assert [each.pk for each in key_plan(now=timezone.now())["exports"]] == [export.pk] * with_key


def test_a_legacy_export_has_rsa_keys_alone(zone: Path) -> None:
    (export,) = made(wanted=Wanted("windows", SECRET, legacy=True))
    assert {row.key_type for row in held(export).values()} == {"RSA-2048"}
    assert sorted(path.name for path in (zone / "reports.example").iterdir()) == ["client.pfx", "root.cer", "server.pfx"]


def test_one_that_fails_stops_no_other(zone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    issued = export_work.certificate_issue

    def only_some(**told: Any) -> Certificate:
        if told["request"].common_name == "b.example":
            raise database_key.ProfileError("the linter objects")
        return issued(**told)

    monkeypatch.setattr(export_work, "certificate_issue", only_some)
    exports = made("a.example", "b.example", "c.example")
    assert [each.status for each in exports] == ["made", "failed", "made"]
    assert (exports[1].status_reason, exports[1].sealed_password) == ("The certificates could not be made: the linter objects", None)
    assert "Renew it to try again" in export_standing(exports[1]).trouble
    monkeypatch.undo()


@pytest.mark.parametrize("after", ["certificate_issue", "certificate", "archive", "folder"])
def test_a_killed_worker_leaves_nothing_undone_and_nothing_twice(zone: Path, monkeypatch: pytest.MonkeyPatch, after: str) -> None:
    """Killed once at each step; the next claim goes on from what there is."""

    class Killed(BaseException):
        pass

    def killed(*_: Any, **__: Any) -> Any:
        raise Killed

    (export,) = exports_request(actor=SYSTEM, machine_names=["reports.example"], wanted=PEM, now=timezone.now())
    place = {"certificate_issue": "certificate_issue", "certificate": "_files", "archive": "_settle_folder", "folder": "job_finish"}[after]
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


def test_the_folder_says_why_it_is_not_there_and_stops_nothing(zone: Path) -> None:
    zone.mkdir(parents=True, exist_ok=True)
    (zone / "reports.example").mkdir()
    (zone / "reports.example/mine.txt").write_text("somebody's own")
    (export,) = made()
    assert (export.status, export.folder, export.folder_generation) == ("made", "", 0)
    assert "directory" in export.folder_problem
    assert (zone / "reports.example/mine.txt").exists()


def test_a_renewal_makes_the_next_generation_and_leaves_the_old_one_accepted(zone: Path) -> None:
    (export,) = made()
    old, before = held(export), (zone / "reports.example/client.pem").read_text()
    export_renew(actor=SYSTEM, export=export, wanted=Wanted("windows", SECRET), now=timezone.now())
    assert (export.archive, (zone / "reports.example/client.pem").read_text()) == (None, before)  # until the new files are there
    work()
    export.refresh_from_db()
    assert (export.status, export.generation, export.made_generation, export.format) == ("made", 2, 2, "windows")
    assert {row.status for row in Certificate.objects.filter(pk__in=[each.pk for each in old.values()])} == {"superseded"}
    assert Certificate.objects.accepted().filter(holder_id=export.pk).count() == 4
    assert sorted(path.name for path in (zone / "reports.example").iterdir()) == ["client.pfx", "root.cer", "server.pfx"]
    assert [path.name for path in (zone / ".exports").iterdir()] == [f"{export.pk}-2"]


def test_a_renewal_that_fails_leaves_what_there_was(zone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (export,) = made()
    old = held(export)
    with monkeypatch.context() as patched:
        patched.setattr(export_work, "key_take", lambda *_, **__: (_ for _ in ()).throw(database_key.ProfileError("no key")))
        export_renew(actor=SYSTEM, export=export, wanted=PEM, now=timezone.now())
        work()
    export.refresh_from_db()
    assert (export.status, export.generation, export.made_generation) == ("failed", 2, 1)
    assert {each.pk for each in export_standing(export).certificates} == {each.pk for each in old.values()}
    assert "What it holds stays accepted" in export_standing(export).trouble


def test_a_revocation_ends_every_generation_and_frees_the_name(zone: Path) -> None:
    (export,) = made()
    export_renew(actor=SYSTEM, export=export, wanted=PEM, now=timezone.now())
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
    with pytest.raises(IllegalTransition, match="revoked already"):
        export_revoke(actor=SYSTEM, export=export, reason="again", code=code, now=timezone.now())
    with pytest.raises(IllegalTransition, match="Make a new one"):
        export_renew(actor=SYSTEM, export=export, wanted=PEM, now=timezone.now())
    assert made()[0].status == "made"


def test_the_files_are_kept_for_a_day(zone: Path) -> None:
    (export,) = made()
    now = timezone.now()
    assert archives_wipe(actor=SYSTEM, now=now + timedelta(hours=23)) == 0
    assert archives_wipe(actor=SYSTEM, now=now + timedelta(hours=24, minutes=1)) == 1
    assert archives_wipe(actor=SYSTEM, now=now + timedelta(hours=25)) == 0
    export.refresh_from_db()
    assert (export.archive, export.archive_until) == (None, None)
    with pytest.raises(ArchiveGone, match="kept for a day"):
        exports_download(actor=SYSTEM, exports=[export], now=now)
    assert (zone / "reports.example/client.pem").exists()


@pytest.mark.parametrize("old", ExportStatus)
@pytest.mark.parametrize("new", ExportStatus)
def test_every_step_of_the_table(zone: Path, old: ExportStatus, new: ExportStatus) -> None:
    now = timezone.now()
    export = Export.objects.create(machine="a.example", format="pem", status=old, status_since=now, batch=uuid.uuid4(), created_at=now)
    if new in EXPORT_TRANSITIONS[old]:
        export_transition(export=export, to=new, reason="x", actor=SYSTEM, now=now)
        assert export.status == new
        stale = Export(pk=export.pk, machine="a.example", status=old, generation=1)
        with pytest.raises((StaleExport, IllegalTransition)):
            export_transition(export=stale, to=new, reason="x", actor=SYSTEM, now=now)
    else:
        with pytest.raises(IllegalTransition):
            export_transition(export=export, to=new, reason="x", actor=SYSTEM, now=now)


# Names that are none, with what the refusal says of each.
BAD_NAMES = {
    "a path": (["../x"], "“../x”"),
    "an absolute path": (["/etc/passwd"], "“/etc/passwd”"),
    "a path of Windows": (["..\\x"], "“..\\x”"),
    "dots": ([".."], "“..”"),
    "hidden": ([".exports"], "“.exports”"),
    "an address": (["10.0.0.1"], "“10.0.0.1”: An IP address"),
    "a space": (["a b"], "contains a space"),
    "no ASCII": (["münchen.example"], "“münchen.example”"),
    "a NUL": (["a\0b"], "is not allowed"),
    "half a character": (["\ud800"], ""),
    "empty": ([""], "is empty"),
    "none": ([], "at least one machine name"),
    "65 characters": (["a" * 61 + ".exa"], f"“{'a' * 61}.ex…”: The host name has 65 characters"),
    "twice": (["a.example", "A.example"], "A.example stands there twice"),
    "taken": (["new.example", "TAKEN.example"], "taken.example has an export already"),
    "one of many": (["a.example", "b.example", "c_d"], "“c_d”"),
    "501": ([f"m{number}.example" for number in range(501)], "These are 501 names; at most 500"),
    "500 bad ones": ([f"m_{number}" for number in range(500)], "And 490 more."),
}


@pytest.mark.parametrize(("machine_names", "says"), BAD_NAMES.values(), ids=BAD_NAMES.keys())
def test_bad_names_are_named_and_nothing_is_written(zone: Path, client: Client, machine_names: list[str], says: str) -> None:
    exports_request(actor=SYSTEM, machine_names=["taken.example"], wanted=PEM, now=timezone.now())
    before = Event.objects.count(), Export.objects.count(), Job.objects.count()
    with pytest.raises(InputInvalid) as refused:
        exports_request(actor=SYSTEM, machine_names=machine_names, wanted=PEM, now=timezone.now())
    assert [*refused.value.errors] == ["machine_names"]
    assert says in " ".join(refused.value.errors["machine_names"])
    answer = client.post(API, json.dumps(PARTS | {"machine_names": machine_names}), "application/json", secure=True)
    assert (answer.status_code, [*answer.json()["errors"]]) == (400, ["machine_names"])
    if not any("\ud800" in name for name in machine_names):
        fields = {"machine_names": "\n".join(machine_names), "format": "windows", "password": SECRET, "include_ca": "on"}
        page = client.post(reverse("exports:create"), fields, secure=True)
        text = page.content.decode()
        assert page.status_code == 400
        assert all(each in text for each in ("nothing has changed", 'value="windows" selected', "checked"))
        assert SECRET not in text
        assert page.context["form"]["machine_names"].value() == fields["machine_names"]
    assert (Event.objects.count(), Export.objects.count(), Job.objects.count()) == before
    assert not zone.parent.joinpath("x").exists()


BAD_WANTED = [
    ({"password": ""}, "password", "needs a password"),
    ({"password": "Schlüssel"}, "password", "ASCII"),
    ({"password": "x" * 129}, "password", "at most 128"),
    ({"format": "pem", "password": "Schlüssel"}, "password", "ASCII"),
    ({"format": "pem", "legacy": True}, "legacy", "Choose the Windows format"),
    ({"format": "jks"}, "format", "“jks” is no format"),
    ({"format": ""}, "format", ""),
    ({"format": "Windows"}, "format", "Known are: windows, pem"),
]
BAD_SHAPES = [
    *(({field: value}, field, "") for field in ("include_secrets_key", "include_ca", "legacy") for value in ("yes", 1, None, [])),
    *(({field: value}, field, "") for field in ("format", "password") for value in (5, None, ["pem"], {})),
    *(({"machine_names": value}, "machine_names", "") for value in ("a.example", None, {"a": 1}, [5], [None], [["a"]])),
]


@pytest.mark.parametrize(("changes", "field", "says"), BAD_WANTED + BAD_SHAPES, ids=lambda each: repr(each)[:40])
def test_bad_input_names_the_field_and_writes_nothing(zone: Path, client: Client, changes: dict[str, Any], field: str, says: str) -> None:
    before = Event.objects.count()
    answer = client.post(API, json.dumps(PARTS | changes), "application/json", secure=True)
    assert (answer.status_code, answer.json()["type"], [*answer.json()["errors"]]) == (400, "urn:trust-zone:invalid", [field])
    assert says in str(answer.json()["errors"])
    assert (Event.objects.count(), Export.objects.count()) == (before, 0)


def test_500_names_are_taken(zone: Path, client: Client) -> None:
    machine_names = [f"m{number}.example" for number in range(500)]
    answer = client.post(reverse("exports:create"), {"machine_names": ", ".join(machine_names), "format": "pem"}, secure=True, follow=True)
    assert (answer.status_code, Export.objects.count(), Job.objects.due(timezone.now()).count()) == (200, 500, 500)
    text = answer.content.decode()
    assert all(each in text for each in ("0 of 500 made, 500 to come", "475 more in the register", "every 2s", "in the clear"))
    assert client.get(API + "?page_size=500", secure=True).json()["next"] is None


def test_api_asks_shows_renews_and_revokes(zone: Path, client: Client) -> None:
    answer = client.post(API, json.dumps(PARTS | {"include_secrets_key": True}), "application/json", secure=True)
    assert (answer.status_code, answer.json()["results"][0]["status"]) == (202, "requested")
    url = f"{API}{answer.json()['results'][0]['id']}/"
    again = client.post(f"{url}renew/", json.dumps({"password": SECRET}), "application/json", secure=True)
    assert (again.status_code, again.json()["type"]) == (409, "urn:trust-zone:not-now")
    work()
    told = client.get(url, secure=True).json()
    assert (told["status"], told["include_secrets_key"], len(told["certificates"]), told["needs"], told["days_left"] > 1000) == (
        "made", True, 2, "", True,
    )  # fmt: skip
    assert client.post(f"{url}renew/", "{}", "application/json", secure=True).json()["errors"].keys() == {"password"}
    renewed = client.post(f"{url}renew/", json.dumps({"format": "pem"}), "application/json", secure=True)
    assert (renewed.status_code, renewed.json()["format"], renewed.json()["password_set"]) == (202, "pem", False)
    work()
    assert client.post(f"{url}revoke/", "{}", "application/json", secure=True).status_code == 400
    body = json.dumps({"reason": "stolen", "code": "keyCompromise"})
    revoked = client.post(f"{url}revoke/", body, "application/json", secure=True)
    assert (revoked.status_code, revoked.json()["status"], revoked.json()["status_reason"]) == (200, "revoked", "stolen")
    assert client.get(f"{API}?status=revoked&search=A.EXAMPLE", secure=True).json()["results"][0]["machine_name"] == "a.example"
    assert client.get(f"{API}?status=gone", secure=True).status_code == 400
    assert client.get(f"{API}{uuid.uuid4()}/", secure=True).status_code == 404
    assert client.get(f"{url}download/", secure=True).status_code == 404  # a token has no fresh sign-in


def test_no_secret_stands_where_it_is_read(zone: Path, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    (export,) = made(wanted=Wanted("pem", SECRET))
    rows = Event.objects.values_list("detail", "target_label"), Job.objects.values_list("title", "progress", "error"), [vars(export)]
    pages = [
        client.get(reverse(f"exports:{name}", args=[export.pk]), secure=True).content.decode() for name in ("detail", "renew", "revoke")
    ]
    pages += [
        client.get(url, secure=True).content.decode()
        for url in (API, reverse("exports:list"), reverse("exports:batch", args=[export.batch]))
    ]
    for text in (*map(str, map(list, rows)), *pages, caplog.text, repr(export.archive)):
        assert SECRET not in text
        assert "PRIVATE KEY" not in text


DOORS = {
    "add_export": lambda actor, export: exports_request(actor=actor, machine_names=["b.example"], wanted=PEM, now=timezone.now()),
    "renew_export": lambda actor, export: export_renew(actor=actor, export=export, wanted=PEM, now=timezone.now()),
    "download_export": lambda actor, export: exports_download(actor=actor, exports=[export], now=timezone.now()),
    "revoke_export": lambda actor, export: export_revoke(
        actor=actor, export=export, reason="x", code=RevocationCode.UNSPECIFIED, now=timezone.now()
    ),
}


@pytest.mark.parametrize("permission", DOORS)
def test_every_door_asks_for_its_own_permission(zone: Path, permission: str) -> None:
    (export,) = made()
    allowed, refused = User.objects.create_user("may"), User.objects.create_user("may-not")
    allowed.user_permissions.add(Permission.objects.get(codename=permission))
    refused.user_permissions.set(Permission.objects.filter(codename__contains="export").exclude(codename=permission))
    with pytest.raises(PermissionRefused, match=permission):
        DOORS[permission](Actor("user", "may-not", refused), export)
    DOORS[permission](Actor("user", "may", allowed), export)


@pytest.mark.parametrize("name", ["list", "create", "batch", "download", "detail", "renew", "revoke"])
def test_pages_are_for_who_may_see_them(zone: Path, name: str) -> None:
    (export,) = made()
    url = reverse(
        f"exports:{name}", args={"batch": [export.batch], "download": [export.batch], "list": [], "create": []}.get(name, [export.pk])
    )
    nobody = Client()
    nobody.force_login(User.objects.create_user("eve"))
    assert nobody.get(url, secure=True).status_code == 403
    assert Client().get(url, secure=True).headers["Location"].startswith("/accounts/login/?next=")


def test_a_download_asks_for_the_password_again(zone: Path, client: Client) -> None:
    exports, user = made("a.example", "b.example"), User.objects.get()
    user.set_password(SECRET)
    user.save()
    client.force_login(user)
    url = reverse("exports:download", args=[exports[0].batch])
    another = Client()
    another.force_login(user)
    for answer in (another.post(url, secure=True), client.get(url, secure=True)):
        assert (answer.status_code, answer.headers["Location"]) == (302, f"/accounts/reauthenticate/?next={url.replace('/', '%2F')}")
    assert not Event.objects.filter(action="export.downloaded").exists()
    page = client.get(answer.headers["Location"], secure=True).content.decode()
    assert all(each in page for each in ("Sign in again", 'class="alone', "private keys"))
    wrong = client.post("/accounts/reauthenticate/", {"password": "wrong", "next": url}, secure=True)
    assert (wrong.status_code, "Sign in again" in wrong.content.decode()) == (200, True)
    right = client.post("/accounts/reauthenticate/", {"password": SECRET, "next": url}, secure=True)
    assert (right.status_code, right.headers["Location"]) == (302, url)
    assert "Download 2 machines" in client.get(url, secure=True).content.decode()
    answer = client.post(url, secure=True)
    assert (answer.headers["Content-Type"], answer.headers["Cache-Control"]) == ("application/zip", "no-store")
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert {name.split("/")[0] for name in archive.namelist()} == {"a.example", "b.example"}
    told = Event.objects.filter(action="export.downloaded").values_list("actor", "target_label")
    assert sorted(told) == [("admin", "export a.example"), ("admin", "export b.example")]
    archives_wipe(actor=SYSTEM, now=timezone.now() + timedelta(days=2))
    gone = client.post(url, secure=True)
    assert (gone.status_code, "kept for a day" in gone.content.decode()) == (409, True)


def asked(view: Any, certificate: Certificate) -> int:
    request = RequestFactory().get("/") if view is status_view else RequestFactory().post("/", "{}", "application/json")
    request.environ["asgi.scope"] = {"state": {"peer_certificate": bytes(certificate.der or b"")}}
    answered: int = view(request).status_code
    return answered


def test_the_node_api_notes_an_export_and_goes_on_refusing_it(zone: Path) -> None:
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


def board() -> list[Any]:
    now = timezone.now()
    return [row for row in expiry_board(actor=SYSTEM, as_of=now, now=now).rows if row.kind == "export" or "export" in row.holder]


def export_needs(now: datetime) -> list[tuple[str, str]]:
    return [(need.colour, need.title) for need in needs(now) if need.button == "Renew export"]


def test_the_board_has_one_row_for_an_export(zone: Path) -> None:
    (export,) = made()
    export_renew(actor=SYSTEM, export=export, wanted=PEM, now=timezone.now())
    work()
    export.refresh_from_db()
    (row,) = board()
    assert (row.id, row.kind, row.owner, row.not_after, row.what_happens) == (
        str(export.pk),
        "export",
        "system",
        export.not_after,
        "by_hand",
    )
    assert "renew it, and bring the new files to the machine" in row.explanation
    assert lifetime_preview(actor=SYSTEM, months=12, now=timezone.now()).exports == 1
    assert "export" not in str(lifetime_preview(actor=SYSTEM, months=12, now=timezone.now()).first)
    assert export.not_after is not None
    assert export_needs(timezone.now()) == []
    for days, expected in (
        (31, []),
        (29, [("orange", "Export reports.example ends in 29 days")]),
        (6, [("red", "Export reports.example ends in 6 days")]),
    ):
        assert export_needs(export.not_after - timedelta(days=days)) == expected
    assert export_needs(export.not_after + timedelta(days=1)) == [("red", "Export reports.example has expired")]
    export_revoke(actor=SYSTEM, export=export, reason="x", code=RevocationCode.UNSPECIFIED, now=timezone.now())
    assert board() == []


def test_a_new_root_names_the_exports_that_it_touches(zone: Path, client: Client) -> None:
    now = timezone.now()
    (export,) = made()
    assert [each.pk for each in rotation_plan(now=now)["exports"]] == [export.pk]
    for url in (reverse("roots:rotate"), reverse("recreate_root")):
        assert "reports.example" in client.get(url, secure=True).content.decode()
    assert any("reports.example, made by system" in each for each in recreation_lines(now=now))
    old = issuing_root()
    new = root_make(zone=zone_current(), number=root_next_number(), actor=SYSTEM, now=now)
    rotation = Rotation.objects.create(kind="root", to_version=2, actor="anna", created_at=now, from_root=old, to_root=new)
    assert "as soon as the new root issues" in export_standing(export).trouble
    Rotation.objects.update(switched_at=now)
    rotation.refresh_from_db()
    assert [each.pk for each in rotation_story(rotation, now=now)["exports"]] == [export.pk]
    assert export_needs(now) == [("orange", "Export reports.example must be renewed")]
    assert "reports.example" in client.get(reverse("roots:show"), secure=True).content.decode()
    export_renew(actor=SYSTEM, export=export, wanted=PEM, now=now)
    work()
    export.refresh_from_db()
    assert {row.issuer for row in held(export).values()} == {new}
    assert "reports.example" in client.get(reverse("roots:roll-back", args=[rotation.pk]), secure=True).content.decode()
    assert (zone / "reports.example/root.pem").read_text().count("BEGIN") == len(roots_in_force()) == 2
    assert export_standing(export).trouble == ""
    assert [each.pk for each in exports_of_root(old, now=now)] == [export.pk]  # the generation before may still be in use
    root_drop(root=old, reason="taken over", now=now)
    assert (export_needs(now), exports_of_root(old, now=now)) == ([], [export])
    Certificate.objects.filter(holder_id=export.pk, generation=2).update(issuer=old)
    assert export_needs(now) == [("red", "Export reports.example is refused")]


def test_a_recreated_root_leaves_exports_refused_and_says_so(zone: Path) -> None:
    (export,) = made()
    new = root_make(zone=zone_current(), number=root_next_number(), actor=SYSTEM, now=timezone.now())
    roots_end(but=new, reason="The root was recreated.", actor=SYSTEM, now=timezone.now())
    standing = export_standing(export)
    assert (standing.alarm, "The root was recreated. Renew the export." in standing.trouble) == (True, True)
    (row,) = board()
    assert "was revoked" in row.explanation


def test_a_new_database_key_asks_for_a_renewal_of_who_carries_the_old_one(zone: Path) -> None:
    with_key, without = made("a.example", wanted=Wanted("pem", include_secrets_key=True))[0], made("b.example")[0]
    DatabaseKey.objects.update(status="reading")
    assert ("carries, version 1, writes no more" in export_standing(with_key).trouble, export_standing(without).trouble) == (True, "")


def test_many_exports_of_one_state_are_one_line_of_the_overview(zone: Path) -> None:
    made(*(f"m{number}.example" for number in range(4)))
    Certificate.objects.filter(holder="export m2.example", kind="client").update(status="revoked", reason="stolen.")
    Certificate.objects.filter(holder="export m3.example", kind="service").update(status="revoked", reason="stolen.")
    Export.objects.update(not_after=timezone.now() + timedelta(days=20))
    titles = [need.title for need in needs(timezone.now()) if "xport" in need.title]
    assert titles == [
        "Export m2.example is refused",
        "Export m3.example is refused",
        "Export m0.example ends in 19 days",
        "Export m1.example ends in 19 days",
    ]
    Certificate.objects.filter(holder__startswith="export").update(status="revoked", reason="stolen.")
    (need,) = [need for need in needs(timezone.now()) if "xport" in need.title]
    assert (need.title, need.button) == ("4 exports: each is refused", "Show exports")


@pytest.mark.parametrize("query", ["batch=nowhere", "expiry=never", "status=gone", "format=jks", "sort=archive", "page=zz", "search=%00"])
def test_a_query_that_is_none_shows_the_register(zone: Path, client: Client, query: str) -> None:
    assert client.get(f"{reverse('exports:list')}?{query}", secure=True).status_code in (200, 404)


def test_the_page_that_revokes_a_certificate_names_its_export(zone: Path, client: Client) -> None:
    (export,) = made()
    certificate = held(export)["client"]
    plan = revocation_plan(certificate, now=timezone.now())
    assert (plan["export"], plan["touched"]) == (export, [])
    text = client.get(reverse("revocation:revoke", args=[certificate.pk]), secure=True).content.decode()
    assert "Export reports.example" in text
    assert "No node of this site presents it" not in text
    detail = client.get(reverse("certs:detail", args=[certificate.pk]), secure=True).content.decode()
    assert "made for the" in detail
    code = RevocationCode.KEY_COMPROMISE
    certificate_revoke(certificate=certificate, reason="stolen.", code=code, actor=SYSTEM, now=timezone.now())
    assert "client certificate was revoked" in export_standing(export).trouble


def test_the_register_searches_filters_and_tells_who_needs_a_hand(zone: Path, client: Client) -> None:
    made("a.example", "b.example"), made("c.example", wanted=Wanted("windows", SECRET))
    Export.objects.filter(machine="b.example").update(not_after=F("created_at") + timedelta(days=5))
    Certificate.objects.filter(holder="export c.example", kind="client").update(status="revoked", reason="stolen.")

    def shown(query: str) -> list[str]:
        text = client.get(f"{reverse('exports:list')}?{query}", secure=True).content.decode()
        return sorted(set(re.findall(r">([abc])\.example</a>", text)))

    assert [shown(query) for query in ("", "search=B.EX", "format=windows", "expiry=30", "status=failed", "sort=-not_after")] == [
        ["a", "b", "c"], ["b"], ["c"], ["b"], [], ["a", "b", "c"],
    ]  # fmt: skip
    assert "client certificate was revoked" in client.get(reverse("exports:list"), secure=True).content.decode()
