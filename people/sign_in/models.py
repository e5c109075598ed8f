"""What slows guessing down."""

from django.conf import settings
from django.db import models


class Guesses(models.Model):
    """The wrong passwords of one account, address or browser, since `began_at`."""

    key = models.CharField(max_length=64, unique=True, help_text="SHA-256 of what is counted")
    count = models.PositiveIntegerField()
    began_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.key


class KnownBrowser(models.Model):
    """A browser that has signed in to this account."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the random number in its cookie")
    used_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "digest"], name="people_knownbrowser_once")]

    def __str__(self) -> str:
        return self.digest
