"""Tokens of API clients."""

import uuid
from datetime import datetime
from functools import cached_property

from django.conf import settings
from django.db import models
from django.utils import timezone

from people.accounts.models import Person
from people.roles.models import permissions_of
from people.roles.registry import Role, is_about_accounts


class Scope(models.TextChoices):
    """What a token may be used for."""

    READ = "read"
    WRITE = "write"
    ACCOUNTS = "accounts"
    CALENDAR = "calendar"


def scopes_at_first() -> list[str]:
    return [Scope.READ, Scope.WRITE]


def scope_of(permission: str) -> Scope:
    """The scope that a token needs to use `permission`."""
    if permission.partition(".")[2].startswith("view_"):
        return Scope.READ
    return Scope.ACCOUNTS if is_about_accounts(permission) else Scope.WRITE


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self) -> "ApiTokenQuerySet":
        """Tokens that are neither revoked nor expired, of active accounts."""
        now = timezone.now()
        return self.filter(models.Q(expires_at=None) | models.Q(expires_at__gte=now), revoked_at=None, user__is_active=True)

    def endless(self) -> "ApiTokenQuerySet":
        """Tokens of active accounts that never expire and are not revoked."""
        return self.filter(expires_at=None, revoked_at=None, user__is_active=True)


class ApiToken(models.Model):
    """A token of 256 random bits. Only its SHA-256 digest is stored. It acts as its owner, `user`, within its role and its scopes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True)
    role = models.CharField(max_length=20, blank=True, default="", help_text="empty: all roles of its owner")
    scopes = models.JSONField(default=scopes_at_first)
    addresses = models.JSONField(default=list, blank=True, help_text="networks that may use it; empty: all")
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(Person, null=True, blank=True, on_delete=models.SET_NULL, related_name="tokens_created")
    created_with = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="created_tokens")
    expires_at = models.DateTimeField(null=True, blank=True, help_text="the last second of its validity; empty: it does not expire")
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_used_from = models.GenericIPAddressField(null=True, blank=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        db_table = "qmc_apitoken"

    def __str__(self) -> str:
        return self.name

    def expired(self, now: datetime) -> bool:
        return self.expires_at is not None and now > self.expires_at

    @cached_property
    def role_permissions(self) -> frozenset[str] | None:
        """The permissions of its role; None if it has all roles of its owner."""
        return permissions_of(self.role) if self.role else None

    def limit(self, permission: str) -> str:
        """Why this token may not use `permission`, even if its owner may. "" if it may."""
        if (scope := scope_of(permission)) not in self.scopes:
            return f"The token {self.name} lacks the scope {scope}. Use a token that has it."
        return self._role_limit(permission)

    def calendar_limit(self, permission: str) -> str:
        """The same for the calendar file: a token of the scope `calendar` reads it."""
        return self._role_limit(permission) if scope_of(permission) == Scope.READ else f"The token {self.name} reads the calendar only."

    def _role_limit(self, permission: str) -> str:
        if self.role_permissions is not None and permission not in self.role_permissions:
            return f"The token {self.name} has the role {Role(self.role)}, which may not do this. Use a token with another role."
        return ""
