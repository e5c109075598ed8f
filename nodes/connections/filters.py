"""The filters of the list of connections."""

from nodes.models import Connection, ConnectionType
from web.lists.filters import Choice, ListFilter, Search


class ConnectionFilter(ListFilter):
    search = Search("name", "connection_string", "username")
    type = Choice("Type", ConnectionType.choices, empty="any")

    class Meta:
        model = Connection
        fields: list[str] = []
