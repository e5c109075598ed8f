"""The filters of the register of exports."""

import django_filters
from django import forms
from django.db.models import QuerySet

from certs.exports.health import ExportHealth
from certs.models import EXPORT_FORMATS, Export
from certs.states import ExportStatus
from web.lists.filters import Choice, Expiry, ListFilter, Search

IN_USE = "in_use"
EXPORT_STATUS = [
    (IN_USE, "in use"), (ExportStatus.MADE.value, "made"), (ExportStatus.REQUESTED.value, "being made"), (ExportStatus.FAILED.value, "failed"),
    (ExportStatus.REVOKED.value, "revoked"),
]  # fmt: skip


class ExportFilter(ListFilter):
    search = Search("machine", "actor")
    status = Choice("Status", EXPORT_STATUS, method="having_status", initial=IN_USE, help_text="in use: not revoked")
    format = Choice("Format", EXPORT_FORMATS, empty="every format")
    expiry = Expiry()
    health = Choice("Works now", ExportHealth.choices, empty="any")
    batch = django_filters.UUIDFilter(widget=forms.HiddenInput())

    class Meta:
        model = Export
        fields: list[str] = []

    def having_status(self, rows: "QuerySet[Export]", name: str, value: str) -> "QuerySet[Export]":
        return rows.exclude(status=ExportStatus.REVOKED) if value == IN_USE else rows.filter(status=value)
