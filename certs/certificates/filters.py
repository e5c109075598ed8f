"""The filter of the certificates list."""

from datetime import timedelta
from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils import timezone

from certs.models import Certificate
from certs.states import CertificateStatus
from pki.core.roles import Kind

WITHIN_DAYS = {"30": 30, "90": 90, "365": 365}
EXPIRY = [
    ("expired", "expired"),
    ("30", "within 30 days"),
    ("90", "within 90 days"),
    ("365", "within a year"),
    ("later", "later than a year"),
]
STATUS = [(status.value, status.value) for status in (CertificateStatus.ISSUED, CertificateStatus.SUPERSEDED, CertificateStatus.REVOKED)]


def _select() -> forms.Select:
    return forms.Select(attrs={"class": "form-select"})


def _search() -> forms.TextInput:
    return forms.TextInput(attrs={"class": "form-control", "type": "search", "maxlength": 100})


def ending(rows: "QuerySet[Any]", name: str, value: str) -> "QuerySet[Any]":
    """Rows whose `not_after` is in the chosen range of EXPIRY."""
    now = timezone.now()
    if value == "expired":
        return rows.filter(not_after__lt=now)
    if value == "later":
        return rows.filter(not_after__gt=now + timedelta(days=365))
    return rows.filter(not_after__range=(now, now + timedelta(days=WITHIN_DAYS[value])))


class CertificateFilter(django_filters.FilterSet):
    search = django_filters.CharFilter(method="searched", label="Search", widget=_search())
    kind = django_filters.ChoiceFilter(
        choices=[(kind.value, kind.value) for kind in Kind], label="Kind", empty_label="every kind", widget=_select()
    )
    status = django_filters.ChoiceFilter(choices=STATUS, label="Status", empty_label="every status", widget=_select())
    node = django_filters.ChoiceFilter(field_name="holder_id", label="Holder", empty_label="every holder", widget=_select())
    expiry = django_filters.ChoiceFilter(method=ending, choices=EXPIRY, label="Expires", empty_label="at any time", widget=_select())

    class Meta:
        model = Certificate
        fields: list[str] = []

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        holders = Certificate.objects.listed().exclude(holder_id=None).order_by("holder").values_list("holder_id", "holder").distinct()
        self.filters["node"].extra["choices"] = list({str(key): (str(key), name) for key, name in holders}.values())

    def searched(self, rows: "QuerySet[Certificate]", name: str, value: str) -> "QuerySet[Certificate]":
        plain = value.replace(":", "").replace(" ", "").lower()
        found = Q(subject__icontains=value) | Q(holder__icontains=value) | Q(subject_alternative_names__icontains=value)
        return rows.filter(found | Q(serial__startswith=plain) | Q(sha256__startswith=plain))
