"""What the page of a node shows of its names."""

from datetime import datetime
from typing import Any

from audit.actors import Actor
from certs.names.services import disputes
from nodes.inventory.sections import section_register
from nodes.models import Node


@section_register
def section(node: Node, actor: Actor, now: datetime) -> dict[str, Any]:
    return {"disputes": disputes(holder_id=node.pk)}
