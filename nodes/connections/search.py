"""Connections as things that can be found: by name."""

from collections.abc import Iterator

from django.db.models.functions import Lower
from django.urls import reverse

from audit.actors import Actor
from nodes.models import Connection
from web.search import MOST_OF_KIND, Found, beginning, search_register


@search_register("Connections", icon="database", permission="nodes.change_connection")
def connections(text: str, actor: Actor) -> Iterator[Found]:
    rows = Connection.objects.alias(lower=Lower("name")).filter(beginning("lower", text.lower())).order_by("name")
    for connection in rows.only("name", "type")[:MOST_OF_KIND]:
        yield Found(connection.name, connection.get_type_display(), reverse("connections:edit", args=[connection.pk]))
