"""Nodes as things that can be found: by name, host name, further names, and address."""

import re
from collections.abc import Iterator

from django.db.models import Q
from django.urls import reverse

from audit.actors import Actor
from certs.models import HolderKind
from certs.names.services import holders_beginning
from nodes.models import Node
from nodes.states import NodeState
from web.search import MOST_OF_KIND, Found, beginning, search_register

ADDRESS = re.compile("[0-9a-f]{1,4}[.:][0-9a-f.:]*")


@search_register("Nodes", icon="server-2", permission="nodes.view_node")
def nodes(text: str, actor: Actor) -> Iterator[Found]:
    holders = holders_beginning(HolderKind.NODE, text, most=MOST_OF_KIND)
    ways = [beginning("name", text), beginning("name", text.lower()), Q(pk__in=holders)]
    if ADDRESS.fullmatch(text):
        ways.append(beginning("address", text))
    found: dict[object, Node] = {}
    for way in ways:
        if len(found) < MOST_OF_KIND:
            found |= {node.pk: node for node in Node.objects.filter(way).order_by("name")[:MOST_OF_KIND] if node.pk not in found}
    for node in found.values():
        words = [node.host_name, node.address, NodeState(node.state).label.lower()]
        yield Found(node.name, " · ".join(filter(None, words)), reverse("nodes:detail", args=[node.pk]))
