"""Whether an export works now: whether its certificates are accepted. Computed from its certificates and the clock, never stored."""

from datetime import datetime
from typing import Any

from django.db.models import Case, CharField, Q, QuerySet, Value, When
from django.db.models.enums import TextChoices

from certs.exports.status import SOON, is_refused
from certs.models import Export
from certs.states import ExportStatus


class ExportHealth(TextChoices):
    WORKS = "works", "works"
    EXPIRING = "expiring", "expiring"
    EXPIRED = "expired", "expired"
    REFUSED = "refused", "refused"
    NONE = "none", "not in use"  # not made yet, or revoked


def with_health(exports: "QuerySet[Export]", *, now: datetime) -> "QuerySet[Export]":
    """`exports` with a column `health`."""
    health = Case(
        When(Q(made_generation=0) | Q(status=ExportStatus.REVOKED), then=Value(ExportHealth.NONE.value)),
        When(is_refused(), then=Value(ExportHealth.REFUSED.value)),
        When(not_after__lt=now, then=Value(ExportHealth.EXPIRED.value)),
        When(not_after__lt=now + SOON, then=Value(ExportHealth.EXPIRING.value)),
        default=Value(ExportHealth.WORKS.value),
        output_field=CharField(),
    )
    return exports.annotate(health=health)


def health_of(export: Export, *, now: datetime) -> ExportHealth:
    """The same for one export."""
    found: Any = with_health(Export.objects.filter(pk=export.pk), now=now).get()
    return ExportHealth(found.health)
