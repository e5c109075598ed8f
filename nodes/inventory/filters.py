"""The filters of the list of nodes."""

from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.utils import timezone

from attention.needs import CODES
from nodes.inventory.agents import with_older_agent
from nodes.inventory.conditions import CONDITIONS
from nodes.inventory.health import NodeHealth, of_health
from nodes.inventory.silence import nodes_in
from nodes.inventory.tags import stored
from nodes.models import Node, NodeTag
from nodes.states import NodeState
from web.forms import select
from web.lists.filters import Choice, ListFilter, Search, Suggested

ANY = "any"
STATES = [(node_state.value, node_state.label.lower()) for node_state in NodeState]


def _needs() -> list[tuple[str, str]]:
    return [(ANY, "any of these"), *((code, CODES[code]) for code in sorted(CONDITIONS))]


def tagged(text: str) -> Q:
    """Nodes with this tag."""
    return Q(pk__in=NodeTag.objects.filter(tag=stored(text)).values("node"))


def _tags(text: str) -> "QuerySet[Any]":
    return NodeTag.objects.filter(tag__startswith=stored(text)).order_by("tag").values_list("tag", flat=True).distinct()


class Tagged(Suggested):
    """Nodes with a tag."""

    def __init__(self) -> None:
        super().__init__("Tag", suggest=_tags, help_text="one whole tag")

    def filter(self, rows: "QuerySet[Any]", value: str) -> "QuerySet[Any]":
        return rows.filter(tagged(value)) if value else rows


class NodeFilter(ListFilter):
    """Without a state, nodes that are not decommissioned."""

    search = Search("name", "host_name", "address", also=tagged, help_text="a part of a name, host name or address, or a whole tag")
    state = Choice("State", STATES, empty="any, except decommissioned")
    health = Choice("Health", NodeHealth.choices, method="with_health", empty="any", help_text="whether it works now")

    tag = Tagged()
    agent = Choice("Agent", [("older", "older than the console")], method="with_agent", empty="any version")
    attention = django_filters.ChoiceFilter(
        choices=_needs, method="with_need", label="Needs attention", empty_label="any or none", widget=select(),
        help_text="the code of a need", error_messages={"invalid_choice": "There is no such value. Use the code of a need of nodes, such as node-silent."},
    )  # fmt: skip

    class Meta:
        model = Node
        fields: list[str] = []

    def with_health(self, rows: "QuerySet[Any]", name: str, value: str) -> "QuerySet[Any]":
        return rows.filter(of_health(NodeHealth(value), now=timezone.now()))

    def with_agent(self, rows: "QuerySet[Any]", name: str, value: str) -> "QuerySet[Any]":
        return rows.filter(with_older_agent())

    def with_need(self, rows: "QuerySet[Any]", name: str, value: str) -> "QuerySet[Any]":
        now = timezone.now()
        if value != ANY:
            return rows.filter(CONDITIONS[value](now))
        return rows.filter(nodes_in(*(Node.objects.filter(condition(now)).values("pk") for condition in CONDITIONS.values())))

    def filter_queryset(self, rows: "QuerySet[Any]") -> "QuerySet[Any]":
        found: QuerySet[Any] = super().filter_queryset(rows)
        return found if self.form.cleaned_data.get("state") else found.exclude(state=NodeState.DECOMMISSIONED)
