"""Where checkpoints of the audit log are signed: on the central node, which has their file."""

import uuid

from audit.checkpoints.key import zone_register
from certs.models import TrustZone
from nodes.models import Node
from sealing.errors import ZoneMissing
from sealing.local_keys import own_store


@zone_register
def zone_here(*, lock: bool = False) -> uuid.UUID | None:
    """The trust zone, if this machine is its central node. Raises: ZoneBroken."""
    zone = (TrustZone.objects.select_for_update() if lock else TrustZone.objects).current()
    try:
        is_here = zone is not None and Node.objects.filter(pk=own_store().node, is_central=True).exists()
    except ZoneMissing:
        return None
    return zone.pk if zone is not None and is_here else None
