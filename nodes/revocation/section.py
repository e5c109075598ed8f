"""What the page of a node shows of revoked certificates, and of the secrets that the machine still has."""

from datetime import datetime
from typing import Any

from audit.actors import Actor
from nodes.inventory.sections import section_register
from nodes.models import Node
from nodes.revocation.exposure import secrets_kept
from nodes.revocation.view_models import bereft


@section_register
def section(node: Node, actor: Actor, now: datetime) -> dict[str, Any]:
    return {
        "bereft": next((kinds for _, kinds in bereft([node])), []),
        "secrets": secrets_kept(node, actor=actor, now=now),
    }
