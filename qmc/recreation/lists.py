"""The lists of nodes that a recreation of the root affects."""

from nodes.inventory.lists import NodeList
from web.lists.declared import Column


class AffectedList(NodeList):
    """Before a recreation: the nodes that will need a new password."""

    caption = "Nodes that need a new password"
    empty = "No other node is registered."


class RecreatedList(NodeList):
    """After it. By default, nodes that wait for a person come before registered nodes."""

    caption = "Nodes that the recreation affected"
    empty = "No other node was registered."
    columns = (
        Column("name", "Node", "nodes/inventory/cell_name.html", sort="name"),
        Column("state", "State", "nodes/inventory/cell_state.html", sort="state name"),
        Column("next", "What to do", "qmc/recreation/cell_next.html"),
    )
