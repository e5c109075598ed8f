"""The registration section of the node page."""

from datetime import datetime
from typing import Any

from audit.actors import Actor
from nodes.inventory.sections import section_register
from nodes.models import Node, Registration


@section_register
def section(node: Node, actor: Actor, now: datetime) -> dict[str, Any]:
    return {"registration": Registration.objects.filter(node=node, generation=node.generation).first()}
