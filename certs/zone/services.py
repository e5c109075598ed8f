"""The trust zone's one row."""

from django.conf import settings

from attention.once import once
from certs.models import TrustZone
from sealing.errors import ZoneMissing


@once
def zone_founded() -> TrustZone | None:
    """The trust zone, if `init` has completed it."""
    return TrustZone.objects.current()


def zone_current() -> TrustZone:
    """Raises: ZoneMissing."""
    zone = zone_founded()
    if zone is None:
        raise ZoneMissing
    return zone


def zone_locked() -> TrustZone:
    """The trust zone as it is saved, locked until the transaction ends: two changes of settings follow each other. Raises: ZoneMissing."""
    zone = TrustZone.objects.select_for_update().current()
    if zone is None:
        raise ZoneMissing
    return zone


def console_url(zone: TrustZone | None) -> str:
    """The URL at which people open the console: from the environment, else from the site's data; "" if neither has it."""
    return str(settings.QMC_BASE_URL) or (zone.base_url if zone else "")
