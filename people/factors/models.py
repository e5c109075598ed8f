"""The secrets of second factors. The factors themselves are rows of allauth."""

import uuid

from django.db import models

from sealing.fields import EncryptedField


class FactorSecret(models.Model):
    """The secret key of an authenticator app, or the seed of recovery codes. The row of the factor has its id."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    secret = EncryptedField()

    def __str__(self) -> str:
        return str(self.pk)
