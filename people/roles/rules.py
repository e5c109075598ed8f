"""Roles that require a second factor."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from audit.actors import Actor
from audit.record import record
from people.models import RoleRule
from people.roles.registry import ABOUT, ROLES, Role
from web.errors import InputInvalid

PERMISSION = "people.change_person"


@dataclass(frozen=True)
class RoleState:
    """A role with its rule. `people` can sign in and have it, and `lacking` of them have no second factor."""

    role: str
    about: str
    second_factor: bool
    people: int
    lacking: int


def has_factor(account: str) -> Exists:
    """Whether the account in this column has a second factor. Recovery codes alone are none."""
    return Exists(Authenticator.objects.filter(user=OuterRef(account)).exclude(type=Authenticator.Type.RECOVERY_CODES))


def requires_factor() -> QuerySet[RoleRule]:
    return RoleRule.objects.filter(second_factor=True)


def role_states() -> list[RoleState]:
    required = set(requires_factor().values_list("role__name", flat=True))
    held = User.objects.filter(is_active=True, person__is_service=False, groups__name__in=ROLES).annotate(has_factor=has_factor("pk"))
    rows = list(held.values_list("groups__name", "has_factor"))
    return [
        RoleState(
            role, ABOUT[role], role in required, sum(name == role for name, _ in rows), sum(name == role and not has for name, has in rows)
        )
        for role in Role
    ]


@transaction.atomic
def second_factor_require(*, actor: Actor, roles: Collection[str], now: datetime) -> None:
    """Require a second factor of these roles, and of no others. Raises: PermissionRefused, InputInvalid."""
    actor.require(PERMISSION)
    if unknown := [role for role in roles if role not in ROLES]:
        raise InputInvalid({"roles": [f"“{unknown[0][:40]}” is not a role. The roles are: {', '.join(ROLES)}."]})
    for group in Group.objects.select_for_update().filter(name__in=ROLES).order_by("pk"):
        rule = RoleRule.objects.filter(role=group).first() or RoleRule(role=group)
        if rule.second_factor != (group.name in roles):
            rule.second_factor = group.name in roles
            rule.save()
            record(actor=actor, action="role.second-factor", target=rule, detail={"required": rule.second_factor}, now=now)
