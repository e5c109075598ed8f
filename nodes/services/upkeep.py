"""What happens by itself: certificates are renewed before they end, and the root is replaced at half its life."""

import contextlib
import uuid
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from audit.actors import SYSTEM
from certs.errors import RotationRefused
from certs.models import Certificate
from certs.services.issuer import issuing_root
from certs.services.lifetime import zone_current
from nodes.models import Node, Renewal
from nodes.services.material import OWN_KINDS
from nodes.services.renewal import renewal_ensure
from nodes.services.root_rotation import root_rotation_start
from nodes.states import NodeState, RenewalStatus
from pki import lifetime

AGAIN = timedelta(hours=1)


@dataclass(frozen=True)
class Due:
    """A node whose certificates are to be renewed, since when, and when the first of them ends."""

    node: Node
    since: datetime
    not_after: datetime


def renewals_due(*, now: datetime) -> list[Due]:
    """Registered nodes with certificates that are due, worth renewing, and whose node trusts the root that would issue the next.

    Raises: ZoneMissing, ZoneBroken.
    """
    root, months = issuing_root(), zone_current().lifetime_months
    gets = lifetime.validity(now=now, months=months, issuer_not_after=root.not_after).not_after
    nodes = {each.pk: each for each in Node.objects.present().filter(state=NodeState.REGISTERED).select_related("observation")}
    due: dict[uuid.UUID, list[tuple[datetime, datetime]]] = defaultdict(list)
    for each in Certificate.objects.issued().filter(kind__in=OWN_KINDS, holder_id__in=nodes).defer("der"):
        at = lifetime.renewal_at(each.not_before, each.not_after, int(each.serial, 16))
        node = nodes.get(each.holder_id) if each.holder_id else None
        seen = node.observed if node else None
        trusts_the_next = seen is None or root.sha256 in seen.trusts
        if node and at <= now and trusts_the_next and lifetime.is_worth_renewing(each.not_after, new_not_after=gets):
            due[node.pk].append((at, each.not_after))
    found = [Due(nodes[pk], min(at for at, _ in ends), min(end for _, end in ends)) for pk, ends in due.items()]
    return sorted(found, key=lambda each: each.not_after)


def root_is_due(root: Certificate, now: datetime) -> bool:
    return now >= lifetime.root_due_at(root.not_before, root.not_after)


def upkeep(*, now: datetime) -> None:
    """Ask for whatever is due. Twice asks for nothing twice. Raises: ZoneMissing, ZoneBroken."""
    if zone_current().rotates_by_itself and root_is_due(issuing_root(), now):
        with contextlib.suppress(RotationRefused):  # under way already, or a database key's: then the next look
            root_rotation_start(actor=SYSTEM, now=now)
    for due in renewals_due(now=now):
        last = Renewal.objects.filter(node=due.node).first()
        failed = last is not None and last.status == RenewalStatus.FAILED and now - last.created_at < AGAIN
        if due.node.online(now) and not failed:
            renewal_ensure(actor=SYSTEM, node=due.node, now=now)
