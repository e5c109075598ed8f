"""Roles as groups of Django, written after each `migrate`."""

from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from audit.actors import SYSTEM
from audit.record import record
from people.models import RoleGrant
from people.roles.registry import Role, permissions_registered


def root_admins() -> QuerySet[User]:
    """Active accounts with the role RootAdmin."""
    return User.objects.filter(is_active=True, groups__name=Role.ROOT_ADMIN)


def role_give(user: User, role: Role) -> None:
    user.groups.add(Group.objects.get_or_create(name=role)[0])


@transaction.atomic
def roles_write(**_: Any) -> None:
    """Give each role the permissions that it never had. Accounts that may do everything by `is_superuser` become RootAdmin.

    Repeating it changes nothing. It is a receiver of `post_migrate`, because Django creates permissions then. After a migration to an earlier
    state the tables may be missing, and then there is nothing to write.
    """
    if RoleGrant._meta.db_table not in connection.introspection.table_names():
        return
    wanted = permissions_registered()
    groups = {role: Group.objects.get_or_create(name=role)[0] for role in Role}
    given = set(RoleGrant.objects.values_list("role__name", "permission"))
    missing = [(role, name) for name, roles in wanted.items() for role in roles if (role, name) not in given]
    if missing:
        found = {f"{one.content_type.app_label}.{one.codename}": one for one in Permission.objects.select_related("content_type")}
        for role, group in groups.items():
            group.permissions.add(*(found[name] for to, name in missing if to == role))
        RoleGrant.objects.bulk_create(RoleGrant(role=groups[role], permission=name) for role, name in missing)
    for user in User.objects.filter(is_superuser=True).order_by("pk"):
        user.groups.add(groups[Role.ROOT_ADMIN])
        user.is_superuser = user.is_staff = False
        user.save(update_fields=["is_superuser", "is_staff"])
        record(actor=SYSTEM, action="person.role-given", target=user.person, detail={"role": Role.ROOT_ADMIN}, now=timezone.now())
