"""The filters of the list of nodes."""

import django_filters
from django import forms
from django.db.models import Q, QuerySet

from nodes.inventory.health import NodeHealth
from nodes.models import Node
from nodes.states import NodeState

STATES = [(node_state.value, node_state.label.lower()) for node_state in NodeState]


def _search() -> forms.TextInput:
    return forms.TextInput(attrs={"class": "form-control", "type": "search", "maxlength": 100})


class NodeFilter(django_filters.FilterSet):
    search = django_filters.CharFilter(method="searched", label="Search", widget=_search())
    state = django_filters.ChoiceFilter(
        choices=STATES,
        method="in_state",
        label="State",
        empty_label="any, except decommissioned",
        widget=forms.Select(attrs={"class": "form-select"}),
    )

    health = django_filters.ChoiceFilter(
        choices=NodeHealth.choices, label="Health", empty_label="any", widget=forms.Select(attrs={"class": "form-select"})
    )

    class Meta:
        model = Node
        fields: list[str] = []

    @property
    def qs(self) -> "QuerySet[Node]":
        rows: QuerySet[Node] = super().qs
        asked = self.form.cleaned_data.get("state") if self.form.is_valid() else ""
        return rows if asked else rows.exclude(state=NodeState.DECOMMISSIONED)

    def searched(self, rows: "QuerySet[Node]", name: str, value: str) -> "QuerySet[Node]":
        return rows.filter(Q(name__icontains=value) | Q(host_name__icontains=value) | Q(address__icontains=value))

    def in_state(self, rows: "QuerySet[Node]", name: str, value: str) -> "QuerySet[Node]":
        return rows.filter(state=value)
