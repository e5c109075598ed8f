"""Register nodes, and distribute certificates to them again. The answer is the password, which is shown once."""

from django.utils import timezone

from nodes.registration.services import node_register
from qrs.conventions.answers import Answer
from qrs.endpoints.registry import Call, endpoint
from qrs.node_configurations.api import node_read


@endpoint("GET", "servernoderegistration/start/{id}", changes=True)
def start(call: Call) -> Answer:
    """Begin the registration of a node, or a redistribution with a new password. The answer is the password for its setup page."""
    return _registered(call)


@endpoint("GET", "certificatedistribution/distributecertificate/{id}", changes=True)
def distribute(call: Call) -> Answer:
    """The same, under another name."""
    return _registered(call)


@endpoint("GET", "certificatedistribution/redistributecertificate/{id}", changes=True)
def redistribute(call: Call) -> Answer:
    """The same, under another name."""
    return _registered(call)


def _registered(call: Call) -> Answer:
    return Answer(node_register(actor=call.caller.actor, node=node_read(call.id), now=timezone.now()).password)
