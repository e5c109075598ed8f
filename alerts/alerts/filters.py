"""The filters of the list of alerts."""

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from alerts.models import Alert
from alerts.states import AlertState
from attention.needs import CODES, Severity
from web.lists.filters import Choice, ListFilter, Search

UNCLOSED = "unclosed"
SEVERITY_WORDS = {Severity.CRITICAL: "critical", Severity.WARNING: "warning", Severity.INFO: "information"}


def known_code(code: str) -> None:
    """Raises: ValidationError."""
    if code not in CODES:
        raise ValidationError("There is no such code. docs/troubleshooting.md lists the codes.")


class AlertFilter(ListFilter):
    """The page shows one state at a time, by default the open ones."""

    tabs = ("state",)
    search = Search("title", "subject", "code", help_text="a part of the title, the subject or the code")
    severity = Choice("Severity", SEVERITY_WORDS.items(), empty="any")
    state = Choice(
        "State", [*AlertState.choices, (UNCLOSED, UNCLOSED)], method="in_state", initial=AlertState.OPEN.value, widget=forms.HiddenInput(),
        help_text="`unclosed` has the open and the acknowledged ones",
    )  # fmt: skip
    code = django_filters.CharFilter(validators=[known_code], widget=forms.HiddenInput())

    class Meta:
        model = Alert
        fields: list[str] = []

    def in_state(self, rows: "QuerySet[Alert]", name: str, value: str) -> "QuerySet[Alert]":
        return rows.exclude(state=AlertState.CLOSED) if value == UNCLOSED else rows.filter(state=value)
