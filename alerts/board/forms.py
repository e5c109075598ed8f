"""The form that acknowledges an alert."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from web.forms import ServiceForm, select
from web.time_zones import time_zones

MORNING = time(9)
LENGTHS = {"1h": timedelta(hours=1), "4h": timedelta(hours=4), "7d": timedelta(days=7)}
CHOICES = {"1h": "1 hour", "4h": "4 hours", "morning": "tomorrow, 9:00", "7d": "7 days", "day": "a day that I choose, 9:00"}


class AcknowledgeForm(ServiceForm):
    """Days begin in the time zone of the browser, which times.js fills in."""

    until = forms.ChoiceField(
        label="Send no reminder for", choices=list(CHOICES.items()), initial="4h", widget=select(),
        help_text="You are notified again when this time is over and the cause is still there, and at once if it becomes more severe.",
        error_messages={"required": "Choose how long.", "invalid_choice": "This is none of the choices. Choose one from the list."},
    )  # fmt: skip
    day = forms.DateField(
        label="Day", required=False, widget=forms.DateInput(attrs={"class": "form-control", "type": "date"}, format="%Y-%m-%d"),
        help_text="Only for a day that you choose.", error_messages={"invalid": "Enter a day, such as 2026-12-24."},
    )  # fmt: skip
    note = forms.CharField(
        label="Note", required=False, max_length=500, widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
        help_text="What you do about it. Everyone who can see alerts can read it, and it is sent to the channels.",
    )  # fmt: skip
    time_zone = forms.CharField(required=False, max_length=60, widget=forms.HiddenInput(attrs={"data-time-zone": ""}))

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("until") == "day" and not self.cleaned_data.get("day") and "day" not in self.errors:
            self.add_error("day", "Enter the day, or choose a length of time above.")
        return self.cleaned_data

    def until_after(self, now: datetime) -> datetime:
        """The chosen end."""
        fields = self.cleaned_data
        if length := LENGTHS.get(fields["until"]):
            return now + length
        zone = ZoneInfo(fields["time_zone"] if fields["time_zone"] in time_zones() else "UTC")
        day = fields["day"] if fields["until"] == "day" else now.astimezone(zone).date() + timedelta(days=1)
        return datetime.combine(day, MORNING, zone)
