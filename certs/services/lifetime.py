"""The lifetime of new certificates, in months (S8)."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from audit.actors import Actor
from audit.record import record
from certs.errors import ZoneMissing
from certs.models import TrustZone
from pki import lifetime


@dataclass(frozen=True)
class Lifetime:
    """What was asked for and what is set; months."""

    requested: int
    months: int
    minimum: int = lifetime.MINIMUM_MONTHS
    maximum: int = lifetime.MAXIMUM_MONTHS


def zone_current() -> TrustZone:
    """Raises: ZoneMissing."""
    zone = TrustZone.objects.current()
    if zone is None:
        raise ZoneMissing
    return zone


def lifetime_get() -> Lifetime:
    """Raises: ZoneMissing."""
    months = zone_current().lifetime_months
    return Lifetime(requested=months, months=months)


@transaction.atomic
def lifetime_set(*, actor: Actor, months: int, now: datetime) -> Lifetime:
    """Set the lifetime; a value outside 12–60 is set to the border (S8). Raises: PermissionRefused, ZoneMissing."""
    actor.require("certs.change_trustzone")
    zone = zone_current()
    asked = Lifetime(requested=months, months=lifetime.clamp(months))
    detail = {"from": zone.lifetime_months, "requested": str(asked.requested), "to": asked.months}
    TrustZone.objects.filter(pk=zone.pk).update(lifetime_months=asked.months)
    record(actor=actor, action="lifetime.set", target=zone, detail=detail, now=now)
    return asked
