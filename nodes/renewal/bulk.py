"""Renewals of many nodes."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from audit.actors import Actor
from bulk.actions import Action, Done, Row, action_register, subject_of
from bulk.models import BulkItem
from nodes.models import Node
from nodes.renewal.services import node_renew, renewals_refused


def _rows(subjects: Sequence[uuid.UUID], now: datetime) -> list[Row]:
    nodes = list(Node.objects.filter(pk__in=subjects))
    refused = renewals_refused(nodes)
    return [Row(node.pk, node.name, refused.get(node.pk, "")) for node in nodes]


def _renew(item: BulkItem, parameters: Mapping[str, Any], actor: Actor, now: datetime) -> Done:
    node_renew(actor=actor, node=subject_of(item, Node.objects.all()), now=now)
    return Done("Its renewal was requested. The page of the node shows its progress.")


action_register(
    Action(
        "nodes.renew",
        "nodes.renew_node",
        "Renew",
        "node",
        _renew,
        list="nodes",
        effect="Each node gets new keys and certificates with its next call. It works without interruption.",
        rows=_rows,
        page="nodes:detail",
    )
)
