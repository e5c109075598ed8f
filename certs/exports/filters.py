"""The filter of the register of exports."""

import django_filters
from django import forms
from django.db.models import QuerySet

from certs.certificates.filters import EXPIRY, _search, _select, ending
from certs.exports.health import ExportHealth
from certs.models import EXPORT_FORMATS, Export, ExportQuerySet
from certs.states import ExportStatus

EXPORT_STATUS = [
    (ExportStatus.MADE.value, "made"), (ExportStatus.REQUESTED.value, "being made"), (ExportStatus.FAILED.value, "failed"),
    (ExportStatus.REVOKED.value, "revoked"),
]  # fmt: skip


class ExportFilter(django_filters.FilterSet):
    search = django_filters.CharFilter(method="searched", label="Search", widget=_search())
    status = django_filters.ChoiceFilter(choices=EXPORT_STATUS, method="having", label="Status", empty_label="in use", widget=_select())
    format = django_filters.ChoiceFilter(choices=EXPORT_FORMATS, label="Format", empty_label="every format", widget=_select())
    expiry = django_filters.ChoiceFilter(method=ending, choices=EXPIRY, label="Expires", empty_label="at any time", widget=_select())
    health = django_filters.ChoiceFilter(choices=ExportHealth.choices, label="Works now", empty_label="any", widget=_select())
    batch = django_filters.UUIDFilter(widget=forms.HiddenInput())

    class Meta:
        model = Export
        fields: list[str] = []

    @property
    def qs(self) -> "QuerySet[Export]":
        rows: QuerySet[Export] = super().qs
        asked = self.form.cleaned_data.get("status") if self.form.is_valid() else ""
        return rows if asked else rows.exclude(status=ExportStatus.REVOKED)

    def searched(self, rows: ExportQuerySet, name: str, value: str) -> ExportQuerySet:
        return rows.searched(value)

    def having(self, rows: ExportQuerySet, name: str, value: str) -> ExportQuerySet:
        return rows.filter(status=value)
