"""The filter of the list of connections."""

import django_filters
from django import forms

from nodes.inventory.filters import _search
from nodes.models import Connection, ConnectionQuerySet, ConnectionType


class ConnectionFilter(django_filters.FilterSet):
    search = django_filters.CharFilter(method="searched", label="Search", widget=_search())
    type = django_filters.ChoiceFilter(
        choices=ConnectionType.choices, label="Type", empty_label="any", widget=forms.Select(attrs={"class": "form-select"})
    )

    class Meta:
        model = Connection
        fields: list[str] = []

    def searched(self, rows: ConnectionQuerySet, name: str, value: str) -> ConnectionQuerySet:
        return rows.searched(value)
