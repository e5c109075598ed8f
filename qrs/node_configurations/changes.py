"""Create, change and decommission nodes, by the services of pages and API."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.dateparse import parse_datetime

from audit.actors import SYSTEM, Actor
from certs.zone.services import zone_current
from nodes.inventory.change import node_change
from nodes.inventory.services import node_create
from nodes.inventory.transition import node_lock
from nodes.models import Node
from qrs.errors import Changed
from qrs.node_configurations.types import PURPOSES, SERVICES, node_json, services_of
from web.errors import InputInvalid

# Fields of the type, and fields of this product that `container` takes beside them: field here → field of a node.
TEXTS, NUMBERS = (
    {"name": "name", "hostName": "host_name", "address": "address"},
    {"distributionPort": "distribution_port", "nodePort": "node_port"},
)
# What a client sends back as it read it, and what nobody can change here.
IGNORED = ("createdDate", "modifiedDate", "modifiedByUserName", "privileges", "schemaPath")
FIXED = (
    "id", "isCentral", "nodePurpose", "schedulerReloadEnabled", "schedulerPreloadEnabled", "temporaryfilepath", "failoverCandidate", "roles",
    "customProperties",
)  # fmt: skip
KNOWN = {"name", "hostName", "tags", "serviceCluster", *SERVICES, *IGNORED, *FIXED}


def container_create(*, actor: Actor, body: Any, now: datetime) -> Node:
    """Create a node from `{"name", "hostName", "configuration": {…}}`. Both names may be inside `configuration` instead.

    Raises: PermissionRefused, InputInvalid.
    """
    whole = _object(body, "The body")
    fields = whole | _object(whole.get("configuration") or {}, "configuration")
    fields.pop("configuration", None)
    _unknown_refuse(fields, {*KNOWN, *TEXTS, *NUMBERS})
    _typed(fields, {**dict.fromkeys(TEXTS, str), **dict.fromkeys(NUMBERS, int), **dict.fromkeys(SERVICES, bool)})
    if missing := [name for name in ("name", "hostName") if name not in fields]:
        raise InputInvalid({missing[0]: [f"The field {missing[0]} is missing, beside configuration or in it."]})
    if fields.get("nodePurpose", 2) not in PURPOSES.values.values():
        raise InputInvalid({"nodePurpose": [f"nodePurpose is one of: {', '.join(PURPOSES.json()['values'])}."]})
    given = {own: fields[name] for name, own in (TEXTS | NUMBERS).items() if name in fields}
    return node_create(actor=actor, services=services_of(fields, ()), tags=_tags(fields), now=now, **given)


@transaction.atomic
def configuration_change(*, actor: Actor, node: Any, body: Any, now: datetime, read: Any) -> None:
    """Change a node to the object that a client read and changed. Its `modifiedDate` is the lock. `read` reads the node again.

    Raises: PermissionRefused, InputInvalid, Changed, IllegalNodeTransition.
    """
    actor.require("nodes.change_node")
    fields = _object(body, "The body")
    _unknown_refuse(fields, KNOWN)
    _typed(fields, {"name": str, "hostName": str, "modifiedDate": str, **dict.fromkeys(SERVICES, bool)})
    node_lock(node)
    held = read()
    _lock_check(fields, held)
    _fixed_check(fields, held)
    changed = {own: fields[name] for name, own in (("name", "name"), ("hostName", "host_name")) if name in fields}
    if "tags" in fields:
        changed["tags"] = _tags(fields)
    node_change(actor=actor, node=held, services=services_of(fields, held.services), now=now, **changed)


def _lock_check(fields: Mapping[str, Any], node: Any) -> None:
    if "modifiedDate" not in fields:
        raise InputInvalid({"modifiedDate": ["The field modifiedDate is missing. Send the whole object, as you read it."]})
    try:
        at = parse_datetime(fields["modifiedDate"])
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise InputInvalid({"modifiedDate": ["The field modifiedDate is not a time. Send it as you read it."]})
    # A client that keeps milliseconds only sends the same time, cut. Some send the present time, as the original accepts it.
    held = node.modified_at if at.microsecond % 1000 else node.modified_at.replace(microsecond=node.modified_at.microsecond // 1000 * 1000)
    if at < held:
        raise Changed(f"{node} was changed since you read it, by {node.modified_by or 'somebody'}. Read it again, and repeat your change.")


def _fixed_check(fields: Mapping[str, Any], node: Any) -> None:
    held = node_json(node, zone_current(), SYSTEM)
    for name in FIXED:
        if name in fields and fields[name] != held[name]:
            raise InputInvalid({name: [f"The field {name} cannot be changed here. It is {held[name]!r}."]})


def _object(found: Any, what: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise InputInvalid({"": [f"{what} is not an object with fields."]})
    return found


def _unknown_refuse(fields: Mapping[str, Any], known: Iterable[str]) -> None:
    if unknown := [name for name in fields if name not in set(known)]:
        raise InputInvalid({unknown[0]: [f"There is no field “{unknown[0][:60]}”. The fields are: {', '.join(sorted(known))}."]})


def _typed(fields: Mapping[str, Any], types: Mapping[str, type]) -> None:
    for name, kind in types.items():
        if name in fields and type(fields[name]) is not kind:
            noun = {str: "a text", int: "an integer", bool: "true or false"}[kind]
            raise InputInvalid({name: [f"The value of {name} is not {noun}."]})


def _tags(fields: Mapping[str, Any]) -> list[str]:
    """The words of `tags`, which are objects with a name."""
    given = fields.get("tags") or []
    if not isinstance(given, list) or not all(isinstance(tag, dict) and isinstance(tag.get("name"), str) for tag in given):
        raise InputInvalid({"tags": ["The value of tags is not a list of objects with a name."]})
    return [tag["name"] for tag in given]
