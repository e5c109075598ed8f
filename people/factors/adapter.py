"""What allauth asks about second factors: where their secrets are, and how they are named."""

from typing import Any, ClassVar

from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.db.models.signals import post_delete
from django.dispatch import receiver

from people.factors.passkeys import REFUSED, name_of
from people.models import FactorSecret

SECRETS = ("secret", "seed")  # allauth's names for them in the data of a factor


class FactorAdapter(DefaultMFAAdapter):
    """Secrets are encrypted in a table of their own. The data of a factor has the id of its secret."""

    error_messages: ClassVar[dict[str, Any]] = DefaultMFAAdapter.error_messages | {"incorrect_code": REFUSED}

    def get_totp_issuer(self) -> str:
        return name_of(context.request)

    def encrypt(self, text: str) -> str:
        return str(FactorSecret.objects.create(secret=text).pk)

    def decrypt(self, encrypted_text: str) -> str:
        """Raises: UnknownKey, Altered, ZoneBroken."""
        return str(FactorSecret.objects.get(pk=encrypted_text).secret.text())


@receiver(post_delete, sender=Authenticator)
def secrets_delete(instance: Authenticator, **_: Any) -> None:
    """The secret goes with its factor, whatever deletes it."""
    FactorSecret.objects.filter(pk__in=[instance.data[name] for name in SECRETS if name in instance.data]).delete()
