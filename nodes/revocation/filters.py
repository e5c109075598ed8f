"""The filters of the list of nodes that a revocation affects."""

from nodes.models import Node
from web.lists.filters import ListFilter, Search


class TouchedFilter(ListFilter):
    search = Search("name", "host_name", "address")

    class Meta:
        model = Node
        fields: list[str] = []
