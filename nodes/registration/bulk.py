"""Redistributions and removals of many nodes."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms

from audit.actors import Actor
from bulk.actions import Action, ActionForm, Done, Row, action_register, subject_of
from bulk.models import BulkItem
from nodes.inventory.bulk import node_states
from nodes.models import Node
from nodes.registration.decommission import CENTRAL, node_decommission
from nodes.registration.services import node_register, registration_refused
from nodes.states import NodeState
from web.forms import checkbox


def _to_redistribute(subjects: Sequence[uuid.UUID], now: datetime) -> list[Row]:
    return [Row(node.pk, node.name, registration_refused(node)) for node in Node.objects.filter(pk__in=subjects)]


def _redistribute(item: BulkItem, parameters: Mapping[str, Any], actor: Actor, now: datetime) -> Done:
    """The item is the request, so a worker that repeats it gets the same password."""
    ceremony = node_register(actor=actor, node=subject_of(item, Node.objects.all()), now=now, request=item.pk)
    return Done(f"Its package is being made. Enter the new password at {ceremony.setup_url} on the node.", secret=ceremony.password)


class DecommissionForm(ActionForm):
    lost = forms.BooleanField(
        label="The machines were lost or taken over", required=False, widget=checkbox(),
        help_text="The certificates are then revoked with the reason key compromise, and the overview lists the other secrets of each machine until you have replaced them.",
    )  # fmt: skip


def _to_decommission(subjects: Sequence[uuid.UUID], now: datetime) -> list[Row]:
    return [Row(node.pk, node.name, _not_decommissioned(node)) for node in Node.objects.filter(pk__in=subjects)]


def _not_decommissioned(node: Node) -> str:
    if node.is_central:
        return CENTRAL
    return "It is decommissioned already." if node.state == NodeState.DECOMMISSIONED else ""


def _decommission(item: BulkItem, parameters: Mapping[str, Any], actor: Actor, now: datetime) -> Done:
    node_decommission(actor=actor, node=subject_of(item, Node.objects.all()), now=now, lost=parameters["lost"])
    return Done("It was decommissioned.")


action_register(
    Action(
        "nodes.redistribute",
        "nodes.register_node",
        "Redistribute",
        "node",
        _redistribute,
        list="nodes",
        effect="Each node gets new keys, new certificates and a new password. It uses its current certificates until you enter the password on it. "
        "When all packages were started, you can see the passwords once.",
        rows=_to_redistribute,
        page="nodes:detail",
        states=node_states,
        secret="password",  # noqa: S106  (the word, not a password)
        atomic=False,
    )
)
action_register(
    Action(
        "nodes.decommission",
        "nodes.decommission_node",
        "Decommission",
        "node",
        _decommission,
        list="nodes",
        effect="The certificates of each node are revoked. The central node refuses its calls, and its name can be used again. Its history stays.",
        rows=_to_decommission,
        page="nodes:detail",
        form=DecommissionForm,
        danger=True,
    )
)
