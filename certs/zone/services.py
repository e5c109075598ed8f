"""The trust zone's one row."""

from certs.models import TrustZone
from sealing.errors import ZoneMissing


def zone_current() -> TrustZone:
    """Raises: ZoneMissing."""
    zone = TrustZone.objects.current()
    if zone is None:
        raise ZoneMissing
    return zone
