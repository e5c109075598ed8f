"""/qrs/certificatedistribution: export certificates."""

from django.utils import timezone

from certs.exports.worker import exports_folder
from qrs.conventions.answers import Answer
from qrs.distribution.services import certificates_export, exports_await
from qrs.endpoints.registry import Call, endpoint


@endpoint("POST", "certificatedistribution/exportcertificates")
def export(call: Call) -> Answer:
    """Export certificates for machines. The files are in the folder of each machine when it answers. The answer is an empty text."""
    exports_await(certificates_export(actor=call.caller.actor, body=call.body, now=timezone.now()))
    return Answer("")


@endpoint("GET", "certificatedistribution/exportcertificatespath")
def path(call: Call) -> Answer:
    """The folder of the central node with a folder for each machine."""
    call.caller.actor.require("certs.view_export")
    return Answer(str(exports_folder()))
