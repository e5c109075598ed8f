"""The form of the preview: an alert that could be, and when."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from attention.needs import CODES, Severity
from web.forms import ServiceForm, select
from web.time_zones import time_zones


class PreviewForm(ServiceForm):
    """The time is in the time zone of the browser, which times.js fills in."""

    code = forms.ChoiceField(
        label="Alert", widget=select(), help_text="What happens.",
        error_messages={"required": "Choose what happens.", "invalid_choice": "There is no such code. Choose one from the list."},
    )  # fmt: skip
    severity = forms.ChoiceField(
        label="Severity", initial=Severity.CRITICAL, widget=select(), help_text="How soon a person must act.",
        choices=[(Severity.CRITICAL, "critical"), (Severity.WARNING, "warning"), (Severity.INFO, "information")],
        error_messages={"required": "Choose a severity.", "invalid_choice": "This is not a severity. Choose one from the list."},
    )  # fmt: skip
    at = forms.DateTimeField(
        label="When", required=False, widget=forms.DateTimeInput(attrs={"class": "form-control", "type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text="Routes can have days and hours. Empty means now.", error_messages={"invalid": "Enter a day and a time, such as 2026-12-24T22:00."},
    )  # fmt: skip
    time_zone = forms.CharField(required=False, max_length=60, widget=forms.HiddenInput(attrs={"data-time-zone": ""}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", "choose what happens"), *((code, f"{code}: {words}") for code, words in sorted(CODES.items()))]
        self.fields["code"].choices = choices  # type: ignore[attr-defined]

    def chosen(self, now: datetime) -> dict[str, Any]:
        """The alert and its time."""
        fields = self.cleaned_data
        zone = ZoneInfo(fields["time_zone"] if fields["time_zone"] in time_zones() else "UTC")
        at = fields["at"].replace(tzinfo=zone) if fields["at"] else now
        return {"code": fields["code"], "severity": Severity(fields["severity"]), "at": at}
