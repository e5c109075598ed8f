"""The page of the trust zone, which many events are about."""

from audit.object_pages import object_page_register
from certs.models import TrustZone

object_page_register(TrustZone.objects.all(), "overview", is_shared=True)
