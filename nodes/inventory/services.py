"""Create nodes."""

import ipaddress
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from audit.actors import Actor
from audit.record import record
from certs.names.services import NamesTaken, name_conflicts, names_take
from nodes.errors import InputInvalid
from nodes.inventory.names import name_errors, names_of
from nodes.models import Node
from pki.core import names
from pki.core.addresses import refuse_interface
from pki.core.errors import InvalidName

SERVICES = ("repository", "engine", "proxy", "scheduler", "printing")
MOST_NAMES = 20
NAME_TAKEN = "A node with this name already exists. Choose another name."
Refuse = Callable[[str, str], None]


def _address_problem(address: str) -> str:
    try:
        refuse_interface(address)
        parsed = ipaddress.ip_address(address)
    except InvalidName as exc:
        return str(exc)
    except ValueError:
        return "This is not an IP address. Leave this field empty if the host name resolves."
    return "This is not the address of a single machine." if parsed.is_unspecified or parsed.is_multicast else ""


def _check_names(name: str, host_name: str, refuse: Refuse) -> None:
    if not name.strip() or len(name) > 64 or not name.isprintable():
        refuse("name", "A name must have 1 to 64 printable characters.")
    try:
        names.host_name(host_name)
    except InvalidName as exc:
        refuse("host_name", str(exc))


def _check_further_names(further: Sequence[str], refuse: Refuse) -> None:
    if len(further) > MOST_NAMES:
        refuse("subject_alternative_names", f"A node can have at most {MOST_NAMES} additional names.")
    for name in further:
        try:
            names.subject_alternative_name(name)
        except InvalidName as exc:
            refuse("subject_alternative_names", f"“{name[:64]}”: {exc}")


def checked(
    *, name: str, host_name: str, address: str = "", distribution_port: int = 4444, node_port: int = 4242,
    subject_alternative_names: Sequence[str] = (), services: Sequence[str] = (), besides: Node | None = None,
) -> Node:  # fmt: skip
    """An unsaved node with valid fields. `besides` is the node that is being changed. Raises: InputInvalid. Uses no network."""
    errors: dict[str, list[str]] = {}

    def refuse(field: str, text: str) -> None:
        errors.setdefault(field, []).append(text)

    _check_names(name, host_name, refuse)
    if address and (problem := _address_problem(address)):
        refuse("address", problem)
    for field, port in (("distribution_port", distribution_port), ("node_port", node_port)):
        if not 1 <= port <= 65535:
            refuse(field, "A port must be a number from 1 to 65535.")
    _check_further_names(subject_alternative_names, refuse)
    for service in services:
        if service not in SERVICES:
            refuse("services", f"“{service[:64]}” is not a known service. The known services are: {', '.join(SERVICES)}.")
    if errors:  # the database is asked only about valid names
        raise InputInvalid(errors)
    node = Node(
        id=besides.pk if besides else uuid.uuid4(), name=name, host_name=host_name, address=address, distribution_port=distribution_port,
        node_port=node_port, subject_alternative_names=list(subject_alternative_names), services=list(services),
    )  # fmt: skip
    if Node.objects.present().exclude(pk=node.pk).filter(name__iexact=name).exists():
        refuse("name", NAME_TAKEN)
    if errors := errors | name_errors(name_conflicts([names_of(node)])):
        raise InputInvalid(errors)
    return node


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
            record(actor=actor, action="node.created", target=node, detail={"host_name": node.host_name, "address": node.address}, now=now)
    except NamesTaken as exc:
        raise InputInvalid(name_errors(exc.conflicts)) from exc
    except IntegrityError as exc:
        raise InputInvalid({"name": [NAME_TAKEN]}) from exc
    return node
