"""Private keys made ahead."""

import uuid

from django.db import models

from sealing.fields import EncryptedField, Readers


class PooledKey(models.Model):
    """A private key made ahead, encrypted. The worker that deletes the row gets the key, so each is used once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key_type = models.CharField(max_length=20, db_index=True)
    sealed_private_key = EncryptedField(sealed_for=Readers.CENTER)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.key_type} key made ahead"
