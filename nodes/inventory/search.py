"""Nodes as things that can be found: by name, host name, further names, and address."""

from collections.abc import Iterator

from django.db.models import Q
from django.urls import reverse

from audit.actors import Actor
from certs.models import HolderKind
from certs.names.services import holders_beginning
from nodes.models import Node
from nodes.states import NodeState
from web.search import MOST_OF_KIND, Found, beginning, search_register


@search_register("Nodes", icon="server-2", permission="nodes.view_node")
def nodes(text: str, actor: Actor) -> Iterator[Found]:
    holders = holders_beginning(HolderKind.NODE, text, most=MOST_OF_KIND)
    # Each in the order of its index, so that the database stops after the first rows.
    ways = [
        (beginning("name", text), "name"),
        (beginning("name", text.lower()), "name"),
        (Q(pk__in=holders), "name"),
        (beginning("address", text), "address"),
    ]
    found: dict[object, Node] = {}
    for way, order in ways:
        if len(found) < MOST_OF_KIND:
            found |= {node.pk: node for node in Node.objects.filter(way).order_by(order)[:MOST_OF_KIND] if node.pk not in found}
    for node in [*found.values()][:MOST_OF_KIND]:
        words = [node.host_name, node.address, NodeState(node.state).label.lower()]
        yield Found(node.name, " · ".join(filter(None, words)), reverse("nodes:detail", args=[node.pk]))
