"""The filters of the list of certificates."""

import uuid
from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django.utils import timezone

from certs.models import Certificate
from certs.states import CertificateStatus
from pki.core.roles import Kind
from web.lists.filters import Choice, Expiry, ListFilter, Named, Search

IN_FORCE = "in_force"
STATUS = [
    (IN_FORCE, "in force"), ("all", "every status"),
    *((status.value, status.value) for status in (CertificateStatus.ISSUED, CertificateStatus.SUPERSEDED, CertificateStatus.REVOKED)),
]  # fmt: skip


def _holders(text: str) -> "QuerySet[Any]":
    return Certificate.objects.listed().filter(holder__istartswith=text).order_by("holder").values_list("holder", flat=True).distinct()


def _issuers(text: str) -> "QuerySet[Any]":
    roots = Certificate.objects.listed().filter(kind=Kind.ROOT, subject__istartswith=text)
    return roots.order_by("subject").values_list("subject", flat=True).distinct()


def _holder(key: uuid.UUID) -> str | None:
    return next(iter(Certificate.objects.filter(holder_id=key).order_by().values_list("holder", flat=True)[:1]), None)


def _issuer(key: uuid.UUID) -> str | None:
    return Certificate.objects.filter(pk=key).values_list("subject", flat=True).first()


class CertificateFilter(ListFilter):
    search = Search("subject", "holder", "subject_alternative_names", numbers=("serial", "sha256"))
    status = Choice("Status", STATUS, method="having_status", initial=IN_FORCE, help_text="in force: issued and not expired")
    kind = Choice("Kind", [(kind.value, kind.value) for kind in Kind], empty="every kind")
    node = Named("Holder", key="holder_id", name="holder", suggest=_holders, name_of=_holder)
    issuer = Named("Issuer", key="issuer_id", name="issuer__subject", suggest=_issuers, name_of=_issuer)
    expiry = Expiry()
    expires_before = django_filters.IsoDateTimeFilter(field_name="not_after", lookup_expr="lt", widget=forms.HiddenInput())

    class Meta:
        model = Certificate
        fields: list[str] = []

    def having_status(self, rows: "QuerySet[Certificate]", name: str, value: str) -> "QuerySet[Certificate]":
        if value == IN_FORCE:
            return rows.filter(status=CertificateStatus.ISSUED, not_after__gte=timezone.now())
        return rows if value == "all" else rows.filter(status=value)
