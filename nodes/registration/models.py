"""Registrations: each has a package and its password until the password is entered."""

import uuid

from django.db import models

from sealing.fields import EncryptedField, Readers


class Registration(models.Model):
    """One registration of a node with a password."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    node = models.ForeignKey("Node", on_delete=models.CASCADE, related_name="registrations")
    generation = models.PositiveIntegerField()
    actor = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    request = models.UUIDField(null=True, blank=True, db_index=True, help_text="ID of the request; a repeated request gets the same answer")
    sealed_password = EncryptedField(null=True, sealed_for=Readers.CENTER)
    sealed_at = models.DateTimeField(
        null=True, blank=True, help_text="when the package was encrypted; the password is deleted ten minutes later"
    )
    package = models.BinaryField(null=True)
    digest = models.CharField(max_length=64, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    heard_at = models.DateTimeField(null=True, blank=True)
    wrong_passwords = models.PositiveSmallIntegerField(default=0)
    paused_until = models.DateTimeField(null=True, blank=True, help_text="until when the setup page of the node accepts no password")

    class Meta:
        ordering = ["-generation"]
        indexes = [models.Index(fields=["sealed_at"], condition=models.Q(sealed_password__isnull=False), name="password_to_wipe")]
        constraints = [models.UniqueConstraint(fields=["node", "generation"], name="one_registration_per_generation")]

    def __str__(self) -> str:
        return f"registration {self.generation} of {self.node_id}"
