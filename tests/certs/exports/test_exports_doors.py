"""Exports by page and API: a refusal reports each name and writes nothing, permissions are required, and a download asks for the password."""

import io
import json
import re
import uuid
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models import F
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.actors import SYSTEM, Actor, PermissionRefused
from audit.models import Event
from certs.exports.services import (
    ExportOptions,
    export_renew,
    export_revoke,
    exports_download,
    exports_request,
)
from certs.models import Certificate, Export
from jobs.models import Job
from nodes.inventory.services import node_create
from pki.issuing.revocation_list import RevocationCode
from tests.certs.exports.exported import PEM, SECRET, made, work
from tests.problems import error_fields
from web.errors import InputInvalid

pytestmark = pytest.mark.django_db
API = "/api/v1/exports/"
PARTS = {"machine_names": ["a.example"], "format": "windows", "password": SECRET}


# Names that are none, with what the refusal says of each.
BAD_NAMES = {
    "a path": (["../x"], "“../x”"),
    "an absolute path": (["/etc/passwd"], "“/etc/passwd”"),
    "a path of Windows": (["..\\x"], "“..\\x”"),
    "dots": ([".."], "“..”"),
    "hidden": ([".exports"], "“.exports”"),
    "an address": (["10.0.0.1"], "“10.0.0.1”: This is an IP address"),
    "a space": (["a b"], "contains a space"),
    "no ASCII": (["münchen.example"], "“münchen.example”"),
    "a NUL": (["a\0b"], "is not allowed"),
    "half a character": (["\ud800"], ""),
    "empty": ([""], "is empty"),
    "none": ([], "at least one machine name"),
    "65 characters": (["a" * 61 + ".exa"], f"“{'a' * 61}.ex…”: The host name has 65 characters"),
    "twice": (["a.example", "A.example"], "A.example is there twice"),
    "the central node’s": (["a.example", "Central.Example"], "Central.Example is a name of the central node"),
    "taken": (["new.example", "TAKEN.example"], "TAKEN.example is a name of the export for taken.example"),
    "one of many": (["a.example", "b.example", "c_d"], "“c_d”"),
    "501": ([f"m{number}.example" for number in range(501)], "These are 501 names. At most 500"),
    "500 bad ones": ([f"m_{number}" for number in range(500)], "And 490 more."),
}


@pytest.mark.parametrize(("machine_names", "says"), BAD_NAMES.values(), ids=BAD_NAMES.keys())
def test_bad_names_are_named_and_nothing_is_written(zone: Path, administrator: Client, machine_names: list[str], says: str) -> None:
    exports_request(actor=SYSTEM, machine_names=["taken.example"], options=PEM, now=timezone.now())
    before = Event.objects.count(), Export.objects.count(), Job.objects.count()
    with pytest.raises(InputInvalid) as refused:
        exports_request(actor=SYSTEM, machine_names=machine_names, options=PEM, now=timezone.now())
    assert [*refused.value.errors] == ["machine_names"]
    assert says in " ".join(refused.value.errors["machine_names"])
    answer = administrator.post(API, json.dumps(PARTS | {"machine_names": machine_names}), "application/json", secure=True)
    assert (answer.status_code, error_fields(answer.json())) == (400, ["machine_names"])
    if not any("\ud800" in name for name in machine_names):
        fields = {"machine_names": "\n".join(machine_names), "format": "windows", "password": SECRET, "include_ca": "on"}
        page = administrator.post(reverse("exports:create"), fields, secure=True)
        text = page.content.decode()
        assert page.status_code == 400
        assert all(words in text for words in ("Nothing was changed", 'value="windows" selected', "checked"))
        assert SECRET not in text
        assert page.context["form"]["machine_names"].value() == fields["machine_names"]
    assert (Event.objects.count(), Export.objects.count(), Job.objects.count()) == before
    assert not zone.parent.joinpath("x").exists()


BAD_OPTIONS = [
    ({"password": ""}, "password", "needs a password"),
    ({"password": "Schlüssel"}, "password", "ASCII"),
    ({"password": "x" * 129}, "password", "Type 1 to 128"),
    ({"format": "pem", "password": "Schlüssel"}, "password", "ASCII"),
    ({"format": "pem", "legacy": True}, "legacy", "Choose the Windows format"),
    ({"format": "jks"}, "format", "There is no such value. Use: windows, pem."),
    ({"format": ""}, "format", ""),
    ({"format": "Windows"}, "format", "Use: windows, pem."),
]
BAD_SHAPES = [
    *(({field: value}, field, "") for field in ("include_secrets_key", "include_ca", "legacy") for value in ("yes", 1, None, [])),
    *(({field: value}, field, "") for field in ("format", "password") for value in (5, None, ["pem"], {})),
    *(({"machine_names": value}, "machine_names", "") for value in ("a.example", None, {"a": 1}, [5], [None], [["a"]])),
]


@pytest.mark.parametrize(("changes", "field", "says"), BAD_OPTIONS + BAD_SHAPES, ids=lambda value: repr(value)[:40])
def test_bad_input_names_the_field_and_writes_nothing(
    zone: Path, administrator: Client, changes: dict[str, Any], field: str, says: str
) -> None:
    before = Event.objects.count()
    answer = administrator.post(API, json.dumps(PARTS | changes), "application/json", secure=True)
    assert (answer.status_code, answer.json()["type"], error_fields(answer.json())) == (400, "urn:trust-zone:invalid", [field])
    assert says in answer.json()["detail"]
    assert (Event.objects.count(), Export.objects.count()) == (before, 0)


def test_500_names_are_accepted(zone: Path, administrator: Client) -> None:
    machine_names = [f"m{number}.example" for number in range(500)]
    answer = administrator.post(
        reverse("exports:create"), {"machine_names": ", ".join(machine_names), "format": "pem"}, secure=True, follow=True
    )
    assert (answer.status_code, Export.objects.count(), Job.objects.due(timezone.now()).count()) == (200, 500, 500)
    text = answer.content.decode()
    assert all(words in text for words in ("0 of 500 made, 500 waiting", "475 more in the register", 'data-live="2"', "not encrypted"))
    assert administrator.get(API + "?page_size=500", secure=True).json()["next"] is None


def test_the_api_requests_shows_renews_and_revokes(zone: Path, administrator: Client) -> None:
    answer = administrator.post(API, json.dumps(PARTS | {"include_secrets_key": True}), "application/json", secure=True)
    assert (answer.status_code, answer.json()["results"][0]["status"]) == (202, "requested")
    url = f"{API}{answer.json()['results'][0]['id']}/"
    again = administrator.post(f"{url}renew/", json.dumps({"password": SECRET}), "application/json", secure=True)
    assert (again.status_code, again.json()["type"]) == (409, "urn:trust-zone:not-now")
    work()
    answer = administrator.get(url, secure=True).json()
    assert (answer["status"], answer["include_secrets_key"], len(answer["certificates"]), answer["needs"], answer["days_left"] > 1000) == (
        "made", True, 2, "", True,
    )  # fmt: skip
    assert error_fields(administrator.post(f"{url}renew/", "{}", "application/json", secure=True).json()) == ["password"]
    left_out = administrator.post(f"{url}renew/", json.dumps({"format": "pem"}), "application/json", secure=True)
    assert (left_out.status_code, "are encrypted now" in left_out.json()["detail"]) == (400, True)
    renewed = administrator.post(f"{url}renew/", json.dumps({"format": "pem", "password": ""}), "application/json", secure=True)
    assert (renewed.status_code, renewed.json()["format"], renewed.json()["password_set"]) == (202, "pem", False)
    work()
    assert administrator.post(f"{url}revoke/", "{}", "application/json", secure=True).status_code == 400
    body = json.dumps({"reason": "stolen", "code": "keyCompromise"})
    revoked = administrator.post(f"{url}revoke/", body, "application/json", secure=True)
    assert (revoked.status_code, revoked.json()["status"], revoked.json()["status_reason"]) == (200, "revoked", "stolen")
    assert administrator.get(f"{API}?status=revoked&search=A.EXAMPLE", secure=True).json()["results"][0]["machine_name"] == "a.example"
    assert administrator.get(f"{API}?status=gone", secure=True).status_code == 400
    assert administrator.get(f"{API}{uuid.uuid4()}/", secure=True).status_code == 404
    assert administrator.get(f"{url}download/", secure=True).status_code == 404  # a token has no fresh sign-in


def test_a_renewal_by_page_leaves_keys_unencrypted_only_if_that_is_selected(zone: Path, administrator: Client) -> None:
    (export,) = made()
    url = reverse("exports:renew", args=[export.pk])
    refused = administrator.post(url, {"format": "pem"}, secure=True)
    assert (refused.status_code, "are encrypted now" in refused.content.decode()) == (400, True)
    assert administrator.post(url, {"format": "pem", "clear_on_purpose": "on"}, secure=True).status_code == 302
    export.refresh_from_db()
    assert (export.status, export.has_password) == ("requested", False)
    assert "clear_on_purpose" not in administrator.get(url, secure=True).content.decode()


def test_the_page_that_revokes_shows_no_hidden_field(zone: Path, administrator: Client) -> None:
    page = administrator.get(reverse("exports:revoke", args=[made()[0].pk]), secure=True).content.decode()
    assert re.findall(r'<label[^>]*for="id_(\w+)', page) == ["code", "reason"]


@pytest.mark.parametrize("name", ["Rim1.example", "OTHER.example"])
def test_no_export_takes_a_name_of_a_node_that_is_only_created(zone: Path, name: str) -> None:
    names = {"host_name": "rim1.example", "subject_alternative_names": ["other.example"]}
    node_create(actor=SYSTEM, now=timezone.now(), name="rim1", **names)
    with pytest.raises(InputInvalid, match=rf"{name} is a name of the node rim1.*Local Certificates"):
        exports_request(actor=SYSTEM, machine_names=[name], options=PEM, now=timezone.now())


@pytest.mark.parametrize(
    "names", [{"host_name": "B.example"}, {"host_name": "a.example", "subject_alternative_names": ["c.example", "b.Example"]}]
)
def test_no_node_takes_the_name_of_an_export(zone: Path, names: dict[str, Any]) -> None:
    (export,) = made("b.example")
    with pytest.raises(InputInvalid) as refused:
        node_create(actor=SYSTEM, now=timezone.now(), name="rim1", **names)
    ((field, (text,)),) = refused.value.errors.items()
    assert (field, "is a name of the export for b.example" in text) == ([*names][-1], True)
    export_revoke(actor=SYSTEM, export=export, reason="replaced by a node", code=RevocationCode.SUPERSEDED, now=timezone.now())
    node_create(actor=SYSTEM, now=timezone.now(), name="rim1", **names)


def test_no_secret_is_in_logs_pages_or_rows(zone: Path, administrator: Client, caplog: pytest.LogCaptureFixture) -> None:
    (export,) = made(options=ExportOptions("pem", SECRET))
    rows = Event.objects.values_list("detail", "target_label"), Job.objects.values_list("title", "progress", "error"), [vars(export)]
    pages = [
        administrator.get(reverse(f"exports:{name}", args=[export.pk]), secure=True).content.decode()
        for name in ("detail", "renew", "revoke")
    ]
    pages += [
        administrator.get(url, secure=True).content.decode()
        for url in (API, reverse("exports:list"), reverse("exports:batch", args=[export.batch]))
    ]
    for text in (*map(str, map(list, rows)), *pages, caplog.text, repr(export.archive)):
        assert SECRET not in text
        assert "PRIVATE KEY" not in text


DOORS = {
    "add_export": lambda actor, export: exports_request(actor=actor, machine_names=["b.example"], options=PEM, now=timezone.now()),
    "renew_export": lambda actor, export: export_renew(actor=actor, export=export, options=PEM, now=timezone.now()),
    "download_export": lambda actor, export: exports_download(actor=actor, exports=[export], now=timezone.now()),
    "revoke_export": lambda actor, export: export_revoke(
        actor=actor, export=export, reason="x", code=RevocationCode.UNSPECIFIED, now=timezone.now()
    ),
}


@pytest.mark.parametrize("permission", DOORS)
def test_every_address_requires_its_own_permission(zone: Path, permission: str) -> None:
    (export,) = made()
    allowed, refused = User.objects.create_user("may"), User.objects.create_user("may-not")
    allowed.user_permissions.add(Permission.objects.get(codename=permission))
    refused.user_permissions.set(Permission.objects.filter(codename__contains="export").exclude(codename=permission))
    with pytest.raises(PermissionRefused, match="It needs the role SecurityAdmin or RootAdmin") as found:
        DOORS[permission](Actor("user", "may-not", refused), export)
    assert found.value.permission == f"certs.{permission}"
    DOORS[permission](Actor("user", "may", allowed), export)


@pytest.mark.parametrize("name", ["list", "create", "batch", "download", "detail", "renew", "revoke"])
def test_pages_require_their_permission(zone: Path, name: str) -> None:
    (export,) = made()
    url = reverse(
        f"exports:{name}", args={"batch": [export.batch], "download": [export.batch], "list": [], "create": []}.get(name, [export.pk])
    )
    nobody = Client()
    nobody.force_login(User.objects.create_user("eve"))
    assert nobody.get(url, secure=True).status_code == 403
    assert Client().get(url, secure=True).headers["Location"].startswith("/accounts/login/?next=")


def test_a_download_asks_for_the_password_again(zone: Path, administrator: Client) -> None:
    exports, user = made("a.example", "b.example"), User.objects.get()
    user.set_password(SECRET)
    user.save()
    administrator.force_login(user)
    url = reverse("exports:download", args=[exports[0].batch])
    another = Client()
    another.force_login(user)
    again = f"/accounts/reauthenticate/?next={url.replace('/', '%2F')}"
    asked = another.post(url, secure=True), another.get(url, secure=True), administrator.get(url, secure=True)
    assert [(redirected.status_code, redirected.headers["Location"]) for redirected in asked] == [(302, url), (302, again), (302, again)]
    assert not Event.objects.filter(action="export.downloaded").exists()
    page = administrator.get(again, secure=True).content.decode()
    assert all(words in page for words in ("Confirm your password", 'class="alone', "so the console asks again who you are"))
    wrong = administrator.post("/accounts/reauthenticate/", {"password": "wrong", "next": url}, secure=True)
    assert (wrong.status_code, "Confirm your password" in wrong.content.decode()) == (200, True)
    right = administrator.post("/accounts/reauthenticate/", {"password": SECRET, "next": url}, secure=True)
    assert (right.status_code, right.headers["Location"]) == (302, url)
    assert "Download 2 machines" in administrator.get(url, secure=True).content.decode()
    answer = administrator.post(url, secure=True)
    assert (answer.headers["Content-Type"], answer.headers["Cache-Control"]) == ("application/zip", "no-store")
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert {name.split("/")[0] for name in archive.namelist()} == {"a.example", "b.example"}
    downloads = Event.objects.filter(action="export.downloaded").values_list("actor", "target_label")
    assert sorted(downloads) == [("admin", "export a.example"), ("admin", "export b.example")]
    Export.objects.update(archive_until=timezone.now() - timedelta(seconds=1))  # and nobody has wiped them
    gone = administrator.post(url, secure=True)
    assert (gone.status_code, "deleted one day after" in gone.content.decode()) == (409, True)


@pytest.mark.parametrize("query", ["batch=nowhere", "expiry=never", "status=gone", "format=jks", "sort=archive", "page=zz", "search=%00"])
def test_an_invalid_query_shows_the_register(zone: Path, administrator: Client, query: str) -> None:
    assert administrator.get(f"{reverse('exports:list')}?{query}", secure=True).status_code in (200, 404)


def test_the_register_searches_filters_and_shows_required_actions(zone: Path, administrator: Client) -> None:
    made("a.example", "b.example"), made("c.example", options=ExportOptions("windows", SECRET))
    Export.objects.filter(machine="b.example").update(not_after=F("created_at") + timedelta(days=5))
    Certificate.objects.filter(holder="export c.example", kind="client").update(status="revoked", reason="stolen.")

    def shown(query: str) -> list[str]:
        text = administrator.get(f"{reverse('exports:list')}?{query}", secure=True).content.decode()
        return sorted(set(re.findall(r">([abc])\.example</a>", text)))

    assert [shown(query) for query in ("", "search=B.EX", "format=windows", "expiry=30", "status=failed", "sort=-not_after")] == [
        ["a", "b", "c"], ["b"], ["c"], ["b"], [], ["a", "b", "c"],
    ]  # fmt: skip
    assert "client certificate was revoked" in administrator.get(reverse("exports:list"), secure=True).content.decode()
