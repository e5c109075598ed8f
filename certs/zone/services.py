"""The trust zone's one row."""

from django.conf import settings

from certs.models import TrustZone
from sealing.errors import ZoneMissing


def zone_current() -> TrustZone:
    """Raises: ZoneMissing."""
    zone = TrustZone.objects.current()
    if zone is None:
        raise ZoneMissing
    return zone


def console_url(zone: TrustZone | None) -> str:
    """The URL at which people open the console: from the environment, else from the site's data; "" if neither has it."""
    return str(settings.QMC_BASE_URL) or (zone.base_url if zone else "")
