"""Change the recorded data of a node."""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from audit.actors import Actor
from audit.record import record
from certs.names.services import NamesTaken, names_take
from jobs.services import job_nudge
from nodes import jobs
from nodes.errors import IllegalNodeTransition, InputInvalid
from nodes.inventory.names import name_errors, names_of
from nodes.inventory.services import NAME_TAKEN, checked, tags_save
from nodes.inventory.tags import notes_stored, tags_stored
from nodes.models import Node, Renewal
from nodes.states import UNDER_WAY, NodeState, RenewalStatus

CHANGEABLE = ("name", "address", "distribution_port", "node_port", "subject_alternative_names", "services", "tags", "notes")
# The address and ports of the central node are set elsewhere.
PLACE_FIELDS = frozenset({"address", "distribution_port", "node_port"})


def node_change(*, actor: Actor, node: Node, now: datetime, **fields: Any) -> Node:
    """Change some of the fields in `CHANGEABLE`. Changed names and addresses get into the certificates with the next renewal.

    Raises: PermissionRefused, InputInvalid, IllegalNodeTransition for a decommissioned node.
    """
    actor.require("nodes.change_node")
    if node.state == NodeState.DECOMMISSIONED:
        raise IllegalNodeTransition(f"{node} is decommissioned, so it cannot be changed. Create a new node instead.")
    before = {name: getattr(node, name) for name in CHANGEABLE}
    given = _known(node, fields)
    changed = {name: value for name, value in given.items() if value != before[name]}
    if node.is_central and PLACE_FIELDS & changed.keys():
        text = "The address and ports of the central node cannot be changed here. The command `up` sets the address and ports on which it listens. The page Settings, Addresses sets the addresses that nodes call."
        raise InputInvalid({name: [text] for name in PLACE_FIELDS & changed.keys()})
    if not changed:
        return node
    checked(host_name=node.host_name, besides=node, **before | changed)
    try:
        with transaction.atomic():
            _write(node, changed, now)
            detail = {"from": {name: before[name] for name in changed}, "to": changed}
            record(actor=actor, action="node.changed", target=node, detail=detail, now=now)
            _retry_work(node, now)
    except NamesTaken as exc:
        raise InputInvalid(name_errors(exc.conflicts)) from exc
    except IntegrityError as exc:
        raise InputInvalid({"name": [NAME_TAKEN]}) from exc
    return node


def _known(node: Node, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields that can be changed, as they are stored. Raises: InputInvalid."""
    if fields.pop("host_name", node.host_name) != node.host_name:
        text = "A host name cannot be changed: it is the name in the node's certificates. Create a node with the new name, then remove this one."
        raise InputInvalid({"host_name": [text]})
    given: dict[str, Any] = {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}
    if "tags" in given:
        given["tags"] = tags_stored(given["tags"])
    if "notes" in given:
        given["notes"] = notes_stored(given["notes"])
    return given


def _write(node: Node, changed: dict[str, Any], now: datetime) -> None:
    held = Node.objects.select_for_update().present().filter(pk=node.pk).first()
    if held is None:
        raise IllegalNodeTransition(f"{node} was decommissioned meanwhile.")
    columns = {name: value for name, value in changed.items() if name != "tags"}
    for name, value in columns.items():
        setattr(held, name, value)
    if "tags" in changed:
        tags_save(held, changed["tags"])
    if "subject_alternative_names" in changed:
        names_take(requested=[names_of(held)], now=now)
    held.save(update_fields=[*columns])
    node.refresh_from_db()


def _retry_work(node: Node, now: datetime) -> None:
    """Retry at once the work that waits for a connection to this node, with the changed data."""
    if node.state in UNDER_WAY:
        job_nudge(task=jobs.REGISTRATION, subject=node.pk, now=now)
    for renewal in Renewal.objects.filter(node=node, status=RenewalStatus.PROVING):
        job_nudge(task=jobs.RENEWAL, subject=renewal.pk, now=now)
