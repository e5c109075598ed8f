"""The provider with which people sign in by OpenID Connect."""

import uuid

from django.db import models

from sealing.fields import EncryptedField

ONLY = uuid.UUID(int=16)  # there is one provider, so there is one row


def default_scopes() -> list[str]:
    return ["openid", "profile"]


class IdentityProvider(models.Model):
    """The settings of the provider. `roles` has rows of `group` and `role`."""

    id = models.UUIDField(primary_key=True, default=ONLY, editable=False)
    name = models.CharField(max_length=60)
    issuer = models.CharField(max_length=200)
    client_id = models.CharField(max_length=200)
    client_secret = EncryptedField(null=True)
    scopes = models.JSONField(default=default_scopes)
    name_claim = models.CharField(max_length=100, default="preferred_username")
    groups_claim = models.CharField(max_length=100, default="groups")
    roles = models.JSONField(default=list)
    further_hosts = models.JSONField(default=list)
    authorities = models.TextField(blank=True, default="")
    creates_people = models.BooleanField(default=True)
    checks_second_factor = models.BooleanField(default=False)
    local_for_root_admins_only = models.BooleanField(default=False, help_text="while it is enabled, others sign in with the provider only")
    enabled = models.BooleanField(default=False)
    changed_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


def provider_current() -> IdentityProvider | None:
    """The provider as it was saved, enabled or not."""
    return IdentityProvider.objects.first()


def provider_enabled() -> IdentityProvider | None:
    return IdentityProvider.objects.filter(enabled=True).first()
