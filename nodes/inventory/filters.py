"""The filters of the list of nodes."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils import timezone

from attention.needs import CODES
from nodes.inventory.conditions import CONDITIONS
from nodes.inventory.health import NodeHealth, with_health
from nodes.models import Node
from nodes.states import NodeState
from web.forms import select
from web.lists.filters import Choice, ListFilter, Search

STATES = [(node_state.value, node_state.label.lower()) for node_state in NodeState]


def _needs() -> list[tuple[str, str]]:
    return [(code, CODES[code]) for code in sorted(CONDITIONS)]


class NodeFilter(ListFilter):
    """Without a state, nodes that are not decommissioned."""

    search = Search("name", "host_name", "address")
    state = Choice("State", STATES, empty="any, except decommissioned")
    health = Choice("Health", NodeHealth.choices, method="with_health", empty="any", help_text="whether it works now")

    attention = django_filters.ChoiceFilter(
        choices=_needs, method="with_need", label="Needs attention", empty_label="any or none", widget=select(),
        help_text="the code of a need", error_messages={"invalid_choice": "There is no such value. Use the code of a need of nodes, such as node-silent."},
    )  # fmt: skip

    class Meta:
        model = Node
        fields: list[str] = []

    def with_health(self, rows: "QuerySet[Any]", name: str, value: str) -> "QuerySet[Any]":
        return with_health(rows, now=timezone.now()).filter(health=value)

    def with_need(self, rows: "QuerySet[Any]", name: str, value: str) -> "QuerySet[Any]":
        return rows.filter(CONDITIONS[value](timezone.now()))

    def filter_queryset(self, rows: "QuerySet[Any]") -> "QuerySet[Any]":
        found: QuerySet[Any] = super().filter_queryset(rows)
        return found if self.form.cleaned_data.get("state") else found.exclude(state=NodeState.DECOMMISSIONED)
