"""Decommission nodes."""

from datetime import datetime

from django.db import transaction

from audit.actors import SYSTEM, Actor
from certs.certificates.services import certificate_withdraw
from certs.models import Certificate, HolderKind
from certs.names.services import names_release
from jobs.services import job_nudge
from nodes.errors import InputInvalid
from nodes.inventory.transition import node_lock, node_transition
from nodes.models import Node, Registration
from nodes.registration import services as registration
from nodes.renewal.services import renewals_end
from nodes.states import NodeState
from pki.issuing.revocation_list import RevocationCode

LOST = "The machine was lost or taken over."
CENTRAL = "The central node cannot be decommissioned, because it is the certificate authority."


@transaction.atomic
def node_decommission(*, actor: Actor, node: Node, now: datetime, lost: bool = False) -> None:
    """Revoke the node's certificates, delete its secrets and free its name. `lost`: other people may know its private keys.

    Raises: PermissionRefused, IllegalNodeTransition.
    """
    actor.require("nodes.decommission_node")
    if node.is_central:
        raise InputInvalid({"node": [CENTRAL]})
    reason = f"node decommissioned. {LOST}" if lost else "node decommissioned"
    code = RevocationCode.KEY_COMPROMISE if lost else RevocationCode.CESSATION_OF_OPERATION
    node_lock(node)
    names_release(kind=HolderKind.NODE, holder_id=node.pk, now=now)
    node_transition(node=node, to=NodeState.DECOMMISSIONED, reason=LOST if lost else "", actor=actor, now=now)
    renewals_end(node, reason=reason, actor=actor, now=now)
    for certificate in Certificate.objects.filter(holder_id=node.pk):
        certificate_withdraw(certificate=certificate, reason=reason, code=code, actor=SYSTEM, now=now)
    node.caller_findings.all().delete()
    Registration.objects.filter(node=node).update(package=None, sealed_password=None)
    job_nudge(task=registration.TASK, subject=node.pk, now=now)
