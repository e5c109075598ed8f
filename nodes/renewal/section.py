"""The renewal section of the node page."""

from datetime import datetime
from typing import Any

from audit.actors import Actor
from nodes.inventory.sections import section_register
from nodes.models import Node, Renewal
from nodes.states import RenewalStatus


@section_register
def section(node: Node, actor: Actor, now: datetime) -> dict[str, Any]:
    renewal = Renewal.objects.filter(node=node).first()
    return {"renewal": renewal, "renewing": renewal is not None and renewal.status not in (RenewalStatus.PROVED, RenewalStatus.FAILED)}
