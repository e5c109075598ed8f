"""What the roles were given, and what they require."""

import uuid

from django.contrib.auth.models import Group, Permission
from django.db import models


class RoleGrant(models.Model):
    """A permission that a role was given. It is given once, so that an administrator can take it away."""

    role = models.ForeignKey(Group, on_delete=models.CASCADE)
    permission = models.CharField(max_length=150, help_text="as Django writes it: app.codename")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["role", "permission"], name="people_rolegrant_once")]

    def __str__(self) -> str:
        return self.permission


class RoleRule(models.Model):
    """What a role requires of its people. A role without a row requires nothing."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    role = models.OneToOneField(Group, on_delete=models.CASCADE)
    second_factor = models.BooleanField(default=False, help_text="people with this role sign in with a second factor")

    def __str__(self) -> str:
        return str(self.role)


def permissions_of(role: str) -> frozenset[str]:
    """The permissions that a role has now."""
    found = Permission.objects.filter(group__name=role).order_by().values_list("content_type__app_label", "codename")
    return frozenset(f"{app}.{codename}" for app, codename in found)
