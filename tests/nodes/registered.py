"""Nodes as tests of their life need them."""

from typing import Any

from django.utils import timezone

from certs.names.services import names_take
from nodes.inventory.names import names_of
from nodes.models import Node


def registered_node(**fields: Any) -> Node:
    """A node in its first generation that was registered just now; nothing of it was observed yet."""
    now = timezone.now()
    plain = {"name": "rim1", "host_name": "rim1.example", "address": "10.0.0.5", "state": "registered", "generation": 1}
    made = Node.objects.create(**plain | {"state_since": now, "created_at": now, "registered_at": now} | fields)
    names_take(wanted=[names_of(made)], now=now)
    return made
