"""What the answer to a heartbeat says of the site: the same for every node, so it is read once in a few seconds and not for each call."""

import time
from dataclasses import dataclass

from django.db.models import Q

from certs.models import Rotation
from certs.revocation.lists import trust_in_force
from nodes.addresses.services import central_addresses, netlocs
from nodes.inventory.counts import regular_interval_now
from nodes.inventory.intervals import PENDING_S, pending_interval
from nodes.issuance.services import versions_for
from nodes.models import Node, Nudge, Renewal
from nodes.nudges.services import nudging_certificates
from nodes.states import UNDER_WAY


@dataclass(frozen=True)
class Site:
    """The roots in force with the numbers of their newest lists, the addresses that nodes call, the key ids of the live database keys, the
    rotation under way, the client certificates that may nudge, and the seconds between calls."""

    trusted: dict[str, int]
    addresses: list[str]
    live: list[str]
    live_on_central: list[str]
    rotation: Rotation | None
    nudged_by: list[str]
    regular_s: int
    pending_s: int

    def live_for(self, node: Node) -> list[str]:
        """The key ids of the database keys that `node` must have."""
        return self.live_on_central if node.is_central else self.live

    def interval_for(self, node: Node, *, pending: bool) -> int:
        """Seconds until the next call of `node`. Every change waits for the central node too, and it cannot be nudged, so it always calls often."""
        if node.is_central:
            return min(PENDING_S, self.regular_s)
        return self.pending_s if pending else self.regular_s


class _Kept:
    """The last site that was read, the digest of `SiteNudge` then, and until when it is used. One value, because several threads write it."""

    value: tuple[Site, str | None, float] | None = None


KEPT_S = 2


def site_cached(digest: str | None) -> Site:
    """The site, at most two seconds old. It is read again when `digest`, that of `SiteNudge`, has changed: a nudged node gets the change for which it was nudged.

    Raises: ZoneMissing.
    """
    kept = _Kept.value
    if kept is None or digest != kept[1] or time.monotonic() >= kept[2]:
        _Kept.value = kept = site_read(), digest, time.monotonic() + KEPT_S
    return kept[0]


def site_read() -> Site:
    """The same, from the database. The rotation is read after the keys, so that no node seems to lack the key of a rotation that has just begun.

    Raises: ZoneMissing.
    """
    live, live_on_central = (
        [key_id for key_id in versions_for(Node(is_central=central)).values_list("key_id", flat=True) if key_id]
        for central in (False, True)
    )
    rotation, nodes = Rotation.objects.filter(under_way=True).first(), Node.objects.present()
    renewed, not_nudged = Renewal.objects.under_way().values("node"), Nudge.objects.filter(reached=False).values("node")
    pending = nodes.filter(Q(state__in=UNDER_WAY) | Q(pk__in=renewed) | Q(pk__in=not_nudged))
    regular_s = regular_interval_now()
    return Site(
        trusted=trust_in_force(),
        addresses=netlocs(central_addresses()),
        live=live,
        live_on_central=live_on_central,
        rotation=rotation,
        nudged_by=list(nudging_certificates()),
        regular_s=regular_s,
        pending_s=pending_interval(pending.count(), regular_s=regular_s),
    )
