"""The section of the node page on served certificates and unexplained calls."""

from datetime import datetime
from typing import Any

from audit.actors import Actor
from nodes.inventory.sections import section_register
from nodes.models import Node
from nodes.observation.caller_wording import caller_words, findings_said
from nodes.observation.served_certificates import hook_run, served_certificates


@section_register
def section(node: Node, actor: Actor, now: datetime) -> dict[str, Any]:
    callers = [caller_words(each, now) for each in findings_said(now, node)]
    return {"served_certificates": served_certificates(node), "hook": hook_run(node), "callers": callers}
