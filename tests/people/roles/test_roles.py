"""Roles have the permissions that the apps register, and keep what an administrator changed."""

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, Permission, User

from audit.actors import Actor, PermissionRefused
from audit.models import Event
from people.models import RoleGrant
from people.roles.groups import role_give, roles_write, root_admins
from people.roles.registry import ABOUT, Role, permissions_registered, roles_with

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parent.parent.parent.parent
APPS = ("jobs", "audit", "attention", "web", "people", "bulk", "certs", "nodes", "storage", "backups", "alerts", "qmc")
NAME = re.compile(r'"((?:jobs|audit|people|bulk|certs|nodes|backups|alerts)\.[a-z]+_[a-z]+)"')


def permissions() -> set[str]:
    return {f"{app}.{codename}" for app, codename in Permission.objects.values_list("content_type__app_label", "codename")}


def held(role: Role) -> set[str]:
    found = Group.objects.get(name=role).permissions.values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in found}


def test_every_permission_that_the_code_asks_for_belongs_to_roles() -> None:
    sources = [path for app in APPS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts and path.name != "roles.py"]
    assert len(sources) > 300
    asked = {name for path in sources if path.parts[-2:] != ("roles", "permissions.py") for name in NAME.findall(path.read_text())}
    assert asked & permissions() == permissions_registered().keys()


def test_roles_have_what_is_registered() -> None:
    assert {role: held(role) for role in Role} == {
        role: {name for name, roles in permissions_registered().items() if role in roles} for role in Role
    }
    assert held(Role.ROOT_ADMIN) == set(permissions_registered())
    assert ABOUT.keys() == set(Role)


def test_only_root_admin_has_people_settings_and_the_ways_of_alerts() -> None:
    alone = {name for name, roles in permissions_registered().items() if roles == (Role.ROOT_ADMIN,)}
    assert alone == {
        "people.change_person", "people.change_apitoken", "people.change_identityprovider", "certs.change_trustzone", "alerts.add_channel", "alerts.change_channel",
        "alerts.delete_channel", "alerts.add_route", "alerts.change_route", "alerts.delete_route", "alerts.change_rules",
        "audit.accept_gap", "audit.remove_event", "audit.add_syslogreceiver", "audit.change_syslogreceiver", "audit.delete_syslogreceiver",
        "backups.add_backup", "backups.change_backupschedule", "backups.delete_backup", "backups.download_backup", "certs.change_exportrole",
    }  # fmt: skip


def test_audit_admin_and_viewer_change_nothing_and_read_no_secret() -> None:
    for role in (Role.AUDIT_ADMIN, Role.VIEWER):
        own = {"people.add_apitoken"}  # their own tokens, with at most their rights
        assert {name.partition(".")[2].partition("_")[0] for name in held(role) - own} == {"view"}, role
    assert not held(Role.VIEWER) & {"audit.view_reason", "audit.view_event", "certs.view_export", "nodes.view_connection"}


def test_writing_roles_again_keeps_what_an_administrator_changed() -> None:
    group = Group.objects.get(name=Role.VIEWER)
    taken, added = Permission.objects.get(codename="view_deployment"), Permission.objects.get(codename="view_export")
    group.permissions.remove(taken)
    group.permissions.add(added)
    before = held(Role.VIEWER)
    roles_write()
    assert held(Role.VIEWER) == before


def test_a_permission_of_a_later_version_is_given_once() -> None:
    RoleGrant.objects.filter(role__name=Role.VIEWER, permission="certs.view_deployment").delete()
    Group.objects.get(name=Role.VIEWER).permissions.remove(Permission.objects.get(codename="view_deployment"))
    roles_write()
    assert "certs.view_deployment" in held(Role.VIEWER)


def test_an_account_that_may_do_everything_becomes_root_admin() -> None:
    user = User.objects.create_superuser("ann")
    roles_write()
    user = User.objects.get(pk=user.pk)
    assert not user.is_superuser
    assert list(root_admins()) == [user]
    assert user.has_perm("certs.recreate_root")
    event = Event.objects.get(action="person.role-given")
    assert (event.target_id, event.target_label, event.detail) == (user.person.pk, "ann", {"role": "RootAdmin"})
    roles_write()
    assert Event.objects.filter(action="person.role-given").count() == 1


def test_a_refusal_names_the_roles_that_could() -> None:
    user = User.objects.create_user("eve")
    role_give(user, Role.VIEWER)
    with pytest.raises(PermissionRefused, match=r"eve may not do this\. It needs the role SecurityAdmin or RootAdmin\. Ask a RootAdmin"):
        Actor("user", "eve", user).require("certs.rotate_root")
    assert roles_with("certs.change_trustzone") == (Role.ROOT_ADMIN,)
