"""The filter of the list of alerts."""

import django_filters
from django import forms
from django.db.models import Case, IntegerField, QuerySet, Value, When

from alerts.models import Alert, AlertQuerySet
from alerts.states import AlertState
from attention.needs import RANK, Severity

SEVERITY_WORDS = {Severity.CRITICAL: "critical", Severity.WARNING: "warning", Severity.INFO: "information"}


class AlertFilter(django_filters.FilterSet):
    """One state at a time, the open ones unless the address says otherwise: the worst first, and of the closed ones the last first."""

    search = django_filters.CharFilter(
        method="searched", label="Search", widget=forms.TextInput(attrs={"class": "form-control", "type": "search", "maxlength": 100})
    )
    severity = django_filters.ChoiceFilter(
        choices=list(SEVERITY_WORDS.items()), label="Severity", empty_label="any", widget=forms.Select(attrs={"class": "form-select"})
    )
    state = django_filters.ChoiceFilter(choices=AlertState.choices, method="unchanged", widget=forms.HiddenInput)

    class Meta:
        model = Alert
        fields: list[str] = []

    @property
    def state_chosen(self) -> AlertState:
        asked = self.form.cleaned_data.get("state") if self.form.is_valid() else ""
        return AlertState(asked or AlertState.OPEN)

    @property
    def is_filtered(self) -> bool:
        """Whether rows of the state may be hidden."""
        return bool({"search", "severity"} & set(self.form.changed_data))

    @property
    def qs(self) -> "QuerySet[Alert]":
        rows: QuerySet[Alert] = super().qs.filter(state=self.state_chosen)
        if self.state_chosen == AlertState.CLOSED:
            return rows.order_by("-closed_at", "id")
        ranks = [When(severity=severity, then=Value(rank)) for severity, rank in RANK.items()]
        return rows.order_by(Case(*ranks, output_field=IntegerField()), "-opened_at", "id")

    def searched(self, rows: AlertQuerySet, name: str, value: str) -> AlertQuerySet:
        return rows.searched(value)

    def unchanged(self, rows: AlertQuerySet, name: str, value: str) -> AlertQuerySet:
        """`qs` takes the rows of the state, because it has a default."""
        return rows
