"""The form that exports a range."""

from typing import Any

from django import forms

from audit.listing import LARGEST_SEQUENCE
from web.forms import ServiceForm


def _number(label: str, help_text: str, **options: Any) -> forms.IntegerField:
    widget = forms.NumberInput(attrs={"class": "form-control", "min": "1"})
    return forms.IntegerField(label=label, help_text=help_text, min_value=1, max_value=LARGEST_SEQUENCE, widget=widget, **options)


class RangeForm(ServiceForm):
    first = _number("First event", "Its number. The details of an event have it.", initial=1)
    last = _number("Last event", "The range ends at the next checkpoint. Empty: the last checkpoint.", required=False)

    def clean(self) -> dict[str, Any]:
        first, last = self.cleaned_data.get("first"), self.cleaned_data.get("last")
        if first and last and last < first:
            self.add_error("last", "The last event is before the first one.")
        return self.cleaned_data
