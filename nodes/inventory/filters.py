"""The filters of the list of nodes."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from nodes.inventory.health import NodeHealth, with_health
from nodes.models import Node
from nodes.states import NodeState
from web.lists.filters import Choice, ListFilter, Search

STATES = [(node_state.value, node_state.label.lower()) for node_state in NodeState]


class NodeFilter(ListFilter):
    """Without a state, nodes that are not decommissioned."""

    search = Search("name", "host_name", "address")
    state = Choice("State", STATES, empty="any, except decommissioned")
    health = Choice("Health", NodeHealth.choices, method="with_health", empty="any", help_text="whether it works now")

    class Meta:
        model = Node
        fields: list[str] = []

    def with_health(self, rows: "QuerySet[Any]", name: str, value: str) -> "QuerySet[Any]":
        return with_health(rows, now=timezone.now()).filter(health=value)

    def filter_queryset(self, rows: "QuerySet[Any]") -> "QuerySet[Any]":
        found: QuerySet[Any] = super().filter_queryset(rows)
        return found if self.form.cleaned_data.get("state") else found.exclude(state=NodeState.DECOMMISSIONED)
