"""The forms that export a range, write old events to files, and decide to remove them."""

from datetime import UTC, datetime, time
from typing import Any

from django import forms

from audit.listing import LARGEST_SEQUENCE
from web.forms import ServiceForm, checkbox


def _number(label: str, help_text: str, **options: Any) -> forms.IntegerField:
    widget = forms.NumberInput(attrs={"class": "form-control", "min": "1"})
    return forms.IntegerField(label=label, help_text=help_text, min_value=1, max_value=LARGEST_SEQUENCE, widget=widget, **options)


class RangeForm(ServiceForm):
    first = _number("First event", "The number of the event. You find it in its details.", initial=1)
    last = _number("Last event", "The range ends at the next checkpoint. Empty: the last checkpoint.", required=False)


class CloseForm(ServiceForm):
    """Days begin at 00:00 UTC, so that two people who enter the same day mean the same events."""

    before = forms.DateField(
        label="Events before", widget=forms.DateInput(attrs={"class": "form-control", "type": "date"}, format="%Y-%m-%d"),
        help_text="A day. It begins at 00:00 UTC.", error_messages={"required": "Enter the day.", "invalid": "Enter a day, such as 2026-12-24."},
    )  # fmt: skip

    @property
    def moment(self) -> datetime:
        """The beginning of the day."""
        return datetime.combine(self.cleaned_data["before"], time(), UTC)


class RemovalForm(ServiceForm):
    reason = forms.CharField(
        label="Reason", max_length=500, widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
        help_text="Why these events may be removed. It is in the audit log, for auditors.", error_messages={"required": "Enter the reason."},
    )  # fmt: skip
    copied = forms.BooleanField(
        label="The file is copied", widget=checkbox(), help_text="To another machine, where you keep it. Backups do not contain it.",
        error_messages={"required": "Copy the file first, then confirm it here."},
    )  # fmt: skip
