"""The section of the node page on the browser certificate."""

from datetime import datetime
from typing import Any

from audit.actors import Actor
from nodes.browser_certificates.view_models import browser_story
from nodes.inventory.sections import section_register
from nodes.models import Node


@section_register
def section(node: Node, actor: Actor, now: datetime) -> dict[str, Any]:
    return {"browser": browser_story(node)}
