"""Create nodes."""

import ipaddress
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from audit.actors import Actor
from audit.record import record
from certs.names.services import NamesTaken, name_conflicts, names_take
from nodes.errors import InputInvalid
from nodes.inventory.names import name_errors, names_of
from nodes.inventory.tags import notes_problems, notes_stored, tags_problems, tags_stored
from nodes.models import Node, NodeTag
from pki.core import names
from pki.core.addresses import refuse_interface
from pki.core.errors import InvalidName

SERVICES = ("repository", "engine", "proxy", "scheduler", "printing")
MOST_NAMES = 20
NAME_TAKEN = "A node with this name already exists. Choose another name."


def _name_problems(name: str) -> Iterator[str]:
    if not name.strip() or len(name) > 64 or not name.isprintable():
        yield "A name must have 1 to 64 printable characters."


def _host_name_problems(host_name: str) -> Iterator[str]:
    try:
        names.host_name(host_name)
    except InvalidName as exc:
        yield str(exc)


def _address_problems(address: str) -> Iterator[str]:
    if not address:
        return
    try:
        refuse_interface(address)
        parsed = ipaddress.ip_address(address)
    except InvalidName as exc:
        yield str(exc)
    except ValueError:
        yield "This is not an IP address. Leave this field empty if the host name resolves."
    else:
        if parsed.is_unspecified or parsed.is_multicast:
            yield "This is not the address of a single machine."


def _port_problems(port: int) -> Iterator[str]:
    if not 1 <= port <= 65535:
        yield "A port must be a number from 1 to 65535."


def _further_names_problems(further: Sequence[str]) -> Iterator[str]:
    if len(further) > MOST_NAMES:
        yield f"A node can have at most {MOST_NAMES} additional names."
    for name in further:
        try:
            names.subject_alternative_name(name)
        except InvalidName as exc:
            yield f"“{name[:64]}”: {exc}"


def _services_problems(services: Sequence[str]) -> Iterator[str]:
    for service in services:
        if service not in SERVICES:
            yield f"“{service[:64]}” is not a known service. The known services are: {', '.join(SERVICES)}."


PROBLEMS: dict[str, Callable[[Any], Iterable[str]]] = {
    "name": _name_problems, "host_name": _host_name_problems, "address": _address_problems, "distribution_port": _port_problems, "node_port": _port_problems,
    "subject_alternative_names": _further_names_problems, "services": _services_problems, "tags": tags_problems, "notes": notes_problems,
}  # fmt: skip


def field_errors(fields: Mapping[str, Any]) -> dict[str, list[str]]:
    """Why some fields of a node are refused. Uses neither the network nor the database."""
    found = {field: [*PROBLEMS[field](value)] for field, value in fields.items()}
    return {field: problems for field, problems in found.items() if problems}


def checked(*, name: str, host_name: str, besides: Node | None = None, tags: Sequence[str] = (), notes: str = "", **fields: Any) -> Node:
    """An unsaved node with valid fields, without its tags. `besides` is the node that is being changed. Raises: InputInvalid. Uses no network."""
    written = {"name": name, "host_name": host_name, **fields, "notes": notes_stored(notes)}
    if errors := field_errors(written | {"tags": tags_stored(tags)}):  # the database is asked only about valid names
        raise InputInvalid(errors)
    node = Node(**{"id": besides.pk if besides else uuid.uuid4()} | written)
    if Node.objects.present().exclude(pk=node.pk).filter(name__iexact=name).exists():
        errors["name"] = [NAME_TAKEN]
    if errors := errors | name_errors(name_conflicts([names_of(node)])):
        raise InputInvalid(errors)
    return node


def tags_save(node: Node, tags: Sequence[str]) -> None:
    """Replace the tags of `node`."""
    node.tag_rows.all().delete()
    NodeTag.objects.bulk_create(NodeTag(node=node, tag=tag) for tag in tags)


def node_create(*, actor: Actor, now: datetime, request: uuid.UUID | None = None, **fields: Any) -> Node:
    """Create the record of a node; nothing is sent to it yet. `request` identifies the form. Raises: PermissionRefused, InputInvalid."""
    actor.require("nodes.add_node")
    node = checked(**fields)
    node.made_by_request = request
    node.created_at = node.state_since = now
    # Continue the generations of an earlier node with the same host name or address, because its agent refuses older packages.
    same_agent = Q(host_name__iexact=node.host_name) | (Q(address=node.address) if node.address else Q())
    earlier = Node.objects.filter(same_agent).order_by("-generation").first()
    node.generation = earlier.generation if earlier else 0
    try:
        with transaction.atomic():
            names_take(requested=[names_of(node)], now=now)
            node.save(force_insert=True)
            tags_save(node, tags_stored(fields.get("tags", ())))
            record(actor=actor, action="node.created", target=node, detail={"host_name": node.host_name, "address": node.address}, now=now)
    except NamesTaken as exc:
        raise InputInvalid(name_errors(exc.conflicts)) from exc
    except IntegrityError as exc:
        raise InputInvalid({"name": [NAME_TAKEN]}) from exc
    return node
