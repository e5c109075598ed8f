"""The section of the node page on database key versions."""

from datetime import datetime
from typing import Any

from audit.actors import Actor
from certs.models import DatabaseKey
from nodes.inventory.sections import section_register
from nodes.models import Node
from nodes.rotations.database_key_view_models import proofs


@section_register
def section(node: Node, actor: Actor, now: datetime) -> dict[str, Any]:
    return {"reads": proofs(node, list(DatabaseKey.objects.live()))}
