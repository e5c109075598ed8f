"""The form of a route. It checks only the shape of the input; the service checks the rules."""

from collections.abc import Sequence
from datetime import time
from typing import Any

from django import forms

from alerts.models import Channel, Route
from alerts.routes.words import AT_LEAST, DAYS
from attention.needs import CODES
from web.forms import ServiceForm, select
from web.time_zones import LONGEST, time_zone_input


def _checkboxes() -> forms.CheckboxSelectMultiple:
    return forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"})


class MinuteField(forms.TimeField):
    """A time of the day, as the minute of the day."""

    widget = forms.TimeInput(attrs={"class": "form-control", "type": "time"}, format="%H:%M")

    def clean(self, value: Any) -> Any:
        at: time | None = super().clean(value)
        return None if at is None else at.hour * 60 + at.minute

    def prepare_value(self, value: Any) -> Any:
        return time(*divmod(value, 60)) if isinstance(value, int) else value


class RouteForm(ServiceForm):
    changes_object = True

    channel = forms.ModelChoiceField(
        Channel.objects.all(), label="Channel", empty_label="choose a channel", widget=select(),
        help_text="Where these alerts are sent to.",
        error_messages={"required": "Choose a channel.", "invalid_choice": "This channel does not exist any more. Choose another channel."},
    )  # fmt: skip
    least_severity = forms.ChoiceField(
        label="Which alerts", choices=list(AT_LEAST.items()), initial="warning", widget=select(),
        help_text="An alert that becomes this severe later is sent at that time.",
    )  # fmt: skip
    days = forms.TypedMultipleChoiceField(
        label="Days", required=False, choices=list(enumerate(DAYS)), coerce=int, widget=_checkboxes(),
        help_text="No day means every day. Messages outside these days and hours wait until the next ones begin.",
    )  # fmt: skip
    from_minute = MinuteField(
        label="From", required=False, help_text="Leave both times empty for the whole day.",
        error_messages={"invalid": "Enter a time, such as 08:00."},
    )  # fmt: skip
    until_minute = MinuteField(
        label="Until", required=False, help_text="If it is earlier than the first time, it is on the next day: from 22:00 until 06:00 is one night.",
        error_messages={"invalid": "Enter a time, such as 18:00."},
    )  # fmt: skip
    time_zone = forms.CharField(
        label="Time zone", required=False, max_length=LONGEST, widget=time_zone_input(**{"placeholder": "UTC", "data-time-zone": ""}),
        help_text="Of these days and times, such as Europe/Berlin. Empty means UTC.",
    )  # fmt: skip
    codes = forms.MultipleChoiceField(
        label="Only about", required=False, widget=_checkboxes(),
        help_text="Choose none to send alerts about everything.",
    )  # fmt: skip

    def __init__(self, *args: Any, kept: Sequence[str] = (), **kwargs: Any) -> None:
        """`kept` are the codes of the route. One that ends with an asterisk stands for all that begin so."""
        super().__init__(*args, **kwargs)
        beginnings = {code: f"everything that begins with {code[:-1]}" for code in kept if code not in CODES}
        choices = [(code, f"{code}: {words}") for code, words in sorted(CODES.items() | beginnings.items())]
        self.fields["codes"].choices = choices  # type: ignore[attr-defined]

    @staticmethod
    def initial_of(route: Route) -> dict[str, Any]:
        names = ("channel", "least_severity", "days", "from_minute", "until_minute", "time_zone", "codes")
        return {name: getattr(route, name) for name in names}

    def fields_of_route(self) -> dict[str, Any]:
        """The fields as the service expects them."""
        return self.cleaned_data | {"time_zone": self.cleaned_data["time_zone"].strip() or "UTC"}
