"""The list of connections, and the format of its rows in the API and in files."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nodes.connections.filters import ConnectionFilter
from nodes.connections.services import key_versions, password_description
from nodes.models import Connection
from web.lists.declared import Column, List

PLAIN = ("name", "type", "connection_string", "username", "created_at", "changed_at")


@dataclass(frozen=True)
class ConnectionLine:
    """A connection in the list."""

    connection: Connection
    password: str

    @property
    def username(self) -> str:
        return self.connection.username


def connections_json(connections: Sequence[Connection]) -> list[dict[str, Any]]:
    """Connections in their pinned form; one query for the versions of all their keys."""
    versions = key_versions()
    return [
        {
            "id": str(connection.pk),
            **{name: getattr(connection, name) for name in PLAIN},
            "password_set": connection.password is not None,
            "password_key_version": versions.get(connection.password.key_id) if connection.password else None,
        }
        for connection in connections
    ]


class ConnectionList(List):
    model = Connection
    noun, caption = "connection", "Connections"
    empty = "No connections yet. Every registered node can read the ones that you create."
    filters = ConnectionFilter
    columns = (
        Column("name", "Connection", "nodes/connections/cell_name.html", sort="name"),
        Column("type", "Type", "nodes/connections/cell_type.html", sort="type"),
        Column("username", "User name", sort="username", empty="none"),
        Column("password", "Password", empty="not set"),
        Column("changed_at", "Changed", "nodes/connections/cell_changed.html", sort="changed_at"),
    )
    sort = "name"
    csv = ("id", *PLAIN, "password_set", "password_key_version")

    def shown(self, rows: list[Connection], now: datetime) -> list[ConnectionLine]:
        versions = key_versions()
        return [ConnectionLine(row, password_description(row.password, versions) if row.password else "") for row in rows]

    def json(self, rows: list[Connection], now: datetime) -> list[dict[str, Any]]:
        return connections_json(rows)
