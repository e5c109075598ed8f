"""The section of the node page on revoked certificates and exposed secrets."""

from datetime import datetime
from typing import Any

from audit.actors import Actor
from nodes.inventory.sections import section_register
from nodes.models import Node
from nodes.revocation.exposure import secrets_kept
from nodes.revocation.view_models import without_valid_certificate


@section_register
def section(node: Node, actor: Actor, now: datetime) -> dict[str, Any]:
    return {
        "without_valid_certificate": next((kinds for _, kinds in without_valid_certificate([node])), []),
        "secrets": secrets_kept(node, actor=actor, now=now),
    }
