"""The rules of alerts: one row."""

from django.db import models

from sealing.fields import EncryptedField


class Rules(models.Model):
    """`thresholds` maps kinds of expiring things to days before the expiry date; a kind without an entry has the default.

    `checked_at`: when attention was last compared with the alerts. `settles_at`: before this time nothing new is opened, because the console was not running
    or had no database. `watchdog_url` is called each minute while all is well.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    thresholds = models.JSONField(default=dict)
    checked_at = models.DateTimeField(null=True, blank=True)
    settles_at = models.DateTimeField(null=True, blank=True)
    watchdog_url = EncryptedField(null=True)
    watchdog_called_at = models.DateTimeField(null=True, blank=True)
    watchdog_error = models.CharField(max_length=500, blank=True)

    def __str__(self) -> str:
        return "rules of alerts"


def rules_current() -> Rules:
    """The one row, made when it is first needed."""
    return Rules.objects.get_or_create(pk=1)[0]
