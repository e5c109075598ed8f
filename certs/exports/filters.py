"""The filters of the register of exports."""

import django_filters
from django import forms
from django.db.models import QuerySet
from django.utils import timezone

from certs.certificates.issuer import roots_in_force
from certs.exports.health import ExportHealth
from certs.exports.status import exports_of_root, exports_with_key
from certs.models import EXPORT_FORMATS, Certificate, Export
from certs.states import ExportStatus
from web.forms import select
from web.lists.filters import Choice, Expiry, ListFilter, Search

IN_USE = "in_use"
EXPORT_STATUS = [
    (IN_USE, "in use"), (ExportStatus.MADE.value, "made"), (ExportStatus.REQUESTED.value, "being made"), (ExportStatus.FAILED.value, "failed"),
    (ExportStatus.REVOKED.value, "revoked"),
]  # fmt: skip


def _roots() -> list[tuple[str, str]]:
    return [(str(root.pk), root.subject) for root in roots_in_force()]


class ExportFilter(ListFilter):
    search = Search("machine", "actor")
    status = Choice("Status", EXPORT_STATUS, method="having_status", initial=IN_USE, help_text="in use: not revoked")
    format = Choice("Format", EXPORT_FORMATS, empty="every format")
    expiry = Expiry()
    health = Choice("Works now", ExportHealth.choices, empty="any")
    root = django_filters.ChoiceFilter(
        choices=_roots, method="of_root", label="Root", empty_label="any", widget=select(),
        help_text="a root that is trusted and issued certificates of the export",
        error_messages={"invalid_choice": "There is no such root. Use the id of a root that is trusted."},
    )  # fmt: skip
    database_key = Choice("Database key", [("yes", "contains it")], method="with_database_key", empty="any")
    batch = django_filters.UUIDFilter(widget=forms.HiddenInput())

    class Meta:
        model = Export
        fields: list[str] = []

    def having_status(self, rows: "QuerySet[Export]", name: str, value: str) -> "QuerySet[Export]":
        return rows.exclude(status=ExportStatus.REVOKED) if value == IN_USE else rows.filter(status=value)

    def of_root(self, rows: "QuerySet[Export]", name: str, value: str) -> "QuerySet[Export]":
        return rows.filter(pk__in=exports_of_root(Certificate.objects.get(pk=value), now=timezone.now()).values("pk"))

    def with_database_key(self, rows: "QuerySet[Export]", name: str, value: str) -> "QuerySet[Export]":
        return rows.filter(pk__in=exports_with_key(now=timezone.now()).values("pk"))
