"""What the site knows of an account beside what Django knows."""

import uuid

from django.conf import settings
from django.db import models


class DateForm(models.TextChoices):
    """How pages show days and times. static/qmc/times.js writes them."""

    WORDS = "words", "29 Nov 2026, 14:05"
    ISO = "iso", "2026-11-29 14:05"
    DOTS = "dots", "29.11.2026, 14:05"
    MONTH_FIRST = "month_first", "Nov 29, 2026, 2:05 PM"


class Theme(models.TextChoices):
    AUTO = "auto", "as the system"
    LIGHT = "light", "light"
    DARK = "dark", "dark"


class Person(models.Model):
    """A person, or a service account. Each account of Django has one."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    is_service = models.BooleanField(default=False, help_text="a service account cannot sign in: it has tokens only")
    link_digest = models.CharField(max_length=64, blank=True, default="", db_index=True, help_text="SHA-256 of the one-time link")
    password_is_written = models.BooleanField(
        default=False, help_text="the console wrote its password into a file; it is changed at the first sign-in"
    )
    provider_roles = models.JSONField(default=list, blank=True, help_text="the roles that groups of the provider gave at the last sign-in")
    link_expires_at = models.DateTimeField(null=True, blank=True)
    time_zone = models.CharField(max_length=60, blank=True, default="", help_text="of the times on pages; empty: that of the browser")
    date_form = models.CharField(max_length=20, choices=DateForm.choices, default=DateForm.WORDS)
    theme = models.CharField(max_length=10, choices=Theme.choices, default=Theme.AUTO)

    def __str__(self) -> str:
        return str(self.user.get_username())
