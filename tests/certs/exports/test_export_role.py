"""The role of an export: who gives it, to what, for how long, and which calls act in it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.actors import SYSTEM, Actor, PermissionRefused
from audit.models import Event
from certs.errors import ExportRefused, IllegalTransition
from certs.exports.role import export_role_give, export_role_of, export_role_take
from certs.exports.services import export_revoke
from certs.models import Export, ExportRole
from people.roles.registry import Role
from pki.core.verify import fingerprint
from pki.issuing.revocation_list import RevocationCode
from tests import factories
from tests.qrs.calls import on_node_api, path_of
from web.errors import InputInvalid

pytestmark = pytest.mark.django_db
FIRST, SECOND = b"the certificate of generation 1", b"that of generation 2"
DAY = timedelta(days=1)


@pytest.fixture
def export(site_directory: Path) -> Export:
    """An export in its second generation."""
    now = timezone.now()
    made = factories.export("reports.example", at=now, generation=2, made_generation=2)
    for number, (der, status) in enumerate(((FIRST, "superseded"), (SECOND, "issued")), 1):
        factories.certificate("client", holder_id=made.pk, at=now, generation=number, sha256=fingerprint(der), status=status)
    return made


def give(export: Export, role: str = "Viewer", **fields: Any) -> ExportRole:
    return export_role_give(actor=SYSTEM, export=export, role=role, **{"now": timezone.now()} | fields)


def test_a_role_lasts_90_days_and_is_recorded(export: Export) -> None:
    now = timezone.now()
    row = give(export, "DeploymentAdmin", addresses=["10.0.0.0/24"], now=now)
    assert (row.role, row.addresses, row.expires_at, row.given_by) == ("DeploymentAdmin", ["10.0.0.0/24"], now + 90 * DAY, "system")
    event = Event.objects.get(action="export.role-given")
    assert (event.target_id, event.detail["role"], event.detail["addresses"]) == (export.pk, "DeploymentAdmin", ["10.0.0.0/24"])


# Input that is refused → the field.
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "RootAdmin": ({"role": "RootAdmin"}, "role"),
    "SecurityAdmin": ({"role": "SecurityAdmin"}, "role"),
    "no role": ({"role": ""}, "role"),
    "another address": ({"addresses": ["nowhere"]}, "addresses"),
    "51 addresses": ({"addresses": ["10.0.0.1"] * 51}, "addresses"),
    "longer than a year": ({"expires_at": timezone.now() + 368 * DAY}, "expires_at"),
    "in the past": ({"expires_at": timezone.now() - DAY}, "expires_at"),
}


def test_bad_input_is_refused_by_its_field_and_nothing_is_written(export: Export) -> None:
    for name, (fields, field) in BAD.items():
        with pytest.raises(InputInvalid) as refused:
            give(export, **fields)
        assert [*refused.value.errors] == [field], name
    assert not ExportRole.objects.exists()


def test_a_revocation_takes_the_role_away_and_a_revoked_export_gets_none(export: Export) -> None:
    give(export)
    export_revoke(actor=SYSTEM, export=export, reason="lost", code=RevocationCode.KEY_COMPROMISE, now=timezone.now())
    assert not ExportRole.objects.exists()
    with pytest.raises(IllegalTransition, match="is revoked"):
        give(export)


def role_of(der: bytes, address: str = "10.0.0.5", later: timedelta = timedelta()) -> ExportRole | None:
    return export_role_of(sha256=fingerprint(der), address=address, now=timezone.now() + later)


def test_only_the_newest_certificate_acts_in_time_and_from_allowed_addresses(export: Export) -> None:
    with pytest.raises(ExportRefused, match="has no role"):
        role_of(SECOND)
    give(export, addresses=["10.0.0.0/24"])
    row = role_of(SECOND)
    assert row is not None
    assert (row.role, row.export) == ("Viewer", export)
    assert role_of(b"unknown") is None
    for refused, says in (
        (lambda: role_of(FIRST), "was renewed"),
        (lambda: role_of(SECOND, "192.0.2.1"), "may not call from 192.0.2.1"),
        (lambda: role_of(SECOND, later=91 * DAY), "expired on"),
    ):
        with pytest.raises(ExportRefused, match=says):
            refused()
    assert Event.objects.filter(action="export.refused", outcome="refused").count() == 3
    export.refresh_from_db()
    assert export.last_seen_at is not None


def test_a_loop_of_refused_calls_writes_one_event(export: Export) -> None:
    give(export, addresses=["10.0.0.0/24"])
    for _ in range(3):
        with pytest.raises(ExportRefused):
            role_of(SECOND, "192.0.2.1")
    assert Event.objects.filter(action="export.refused").count() == 1


def test_the_role_decides_on_the_node_api_and_events_name_machine_and_claimed_user(export: Export) -> None:
    call = on_node_api(SECOND, "10.0.0.5")
    container = ("POST", path_of("servernodeconfiguration/container"), {"name": "rim1", "hostName": "rim1.example"})
    assert "has no role" in call("GET", path_of("about")).text
    give(export)
    assert call("GET", path_of("servernodeconfiguration/full")).status == 200
    refused = call(*container)
    assert (refused.status, "has the role Viewer" in refused.text) == (403, True)
    assert Event.objects.get(action="permission.refused").target_id == export.pk
    give(export, "DeploymentAdmin")
    assert call(*container).status == 201
    assert Event.objects.get(action="node.created").actor == "export reports.example as INTERNAL\\sa_api"
    export_role_take(actor=SYSTEM, export=export, now=timezone.now())
    assert call("GET", path_of("about")).status == 403
    assert [event.action for event in Event.objects.for_target(export.pk).filter(action__startswith="export.role")] == [
        "export.role-taken", "export.role-given", "export.role-given",
    ]  # fmt: skip


def test_an_export_acts_nowhere_else(export: Export) -> None:
    give(export, "DeploymentAdmin")
    answer = on_node_api(SECOND)("GET", "/api/v1/trust/")
    assert (answer.status, b"belongs to no node" in answer.body) == (403, True)


@pytest.mark.parametrize(
    ("role", "scopes", "status"),
    [("RootAdmin", ["accounts"], 200), ("RootAdmin", ["read", "write"], 403), ("SecurityAdmin", ["accounts"], 403)],
)
def test_a_token_needs_rootadmin_and_the_scope_accounts(export: Export, role: str, scopes: list[str], status: int) -> None:
    owner = factories.root_admin("ann")
    factories.role_give(owner, Role.SECURITY_ADMIN)
    token = factories.token(owner, "script", role=role, scopes=scopes, at=timezone.now())
    answer = Client().put(
        f"/api/v1/exports/{export.pk}/role/",
        {"role": "Viewer"},
        "application/json",
        secure=True,
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == status
    assert ExportRole.objects.exists() == (status == 200)


def test_the_api_shows_gives_and_takes_the_role(export: Export) -> None:
    client, path = factories.administrator(), f"/api/v1/exports/{export.pk}/"
    assert client.get(path, secure=True).json()["role"] is None
    answer = client.put(f"{path}role/", {"role": "AuditAdmin", "addresses": ["10.0.0.5"]}, "application/json", secure=True)
    assert (answer.status_code, answer.json()["role"]["role"], answer.json()["role"]["addresses"]) == (200, "AuditAdmin", ["10.0.0.5/32"])
    assert client.delete(f"{path}role/", secure=True).status_code == 204
    assert client.get(path, secure=True).json()["role"] is None


def test_the_page_gives_and_takes_the_role_after_a_fresh_sign_in(export: Export, client: Client) -> None:
    administrator = factories.root_admin("ann", password="a password of a test")
    address = reverse("exports:role", args=[export.pk])
    client.force_login(administrator)
    assert "reauthenticate" in client.get(address, secure=True)["Location"]
    client.post(reverse("account_reauthenticate"), {"password": "a password of a test"}, secure=True)
    answer = client.post(address, {"role": "DeploymentAdmin", "addresses": "10.0.0.5\n10.1.0.0/16", "days": "7"}, secure=True)
    assert (answer.status_code, ExportRole.objects.get().addresses) == (302, ["10.0.0.5/32", "10.1.0.0/16"])
    assert "DeploymentAdmin" in client.get(reverse("exports:detail", args=[export.pk]), secure=True).content.decode()
    assert "role DeploymentAdmin" in client.get(reverse("exports:list"), secure=True).content.decode()
    for fields, says in (
        ({"role": "RootAdmin", "days": "7"}, "RootAdmin"),
        ({"role": "Viewer", "addresses": "nowhere", "days": "7"}, "not an IP address"),
    ):
        refused = client.post(address, fields, secure=True)
        assert (refused.status_code, says in refused.content.decode()) == (400, True)
    assert client.post(address, {"role": "", "days": "7"}, secure=True).status_code == 302
    assert not ExportRole.objects.exists()


def test_the_service_requires_its_permission(export: Export) -> None:
    user = User.objects.create_user("sam")
    factories.role_give(user, Role.SECURITY_ADMIN)
    actor = Actor("user", "sam", user)
    with pytest.raises(PermissionRefused, match="RootAdmin"):
        export_role_give(actor=actor, export=export, role="Viewer", now=timezone.now())
    with pytest.raises(PermissionRefused, match="RootAdmin"):
        export_role_take(actor=actor, export=export, now=timezone.now())
