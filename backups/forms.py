"""The forms of backups. They check the shape only; the services have the rules."""

from typing import Any

from django import forms

from backups.models import BackupSchedule
from backups.services import ADVICE
from backups.view_models import DAYS
from web.forms import ServiceForm, secret_input, select

OFF = "off"
FIELDS = ("every", "weekday", "hour", "keep")


class BackupForm(ServiceForm):
    passphrase = forms.CharField(
        label="Passphrase", strip=False, widget=secret_input("new-password"),
        help_text=f"The passphrase encrypts the file. It needs at least 12 characters. {ADVICE} Nobody can open the file without it.",
        error_messages={"required": "Enter a passphrase."},
    )  # fmt: skip
    again = forms.CharField(
        label="The same passphrase again", strip=False, widget=secret_input("new-password"),
        error_messages={"required": "Enter the same passphrase again."},
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("passphrase") and given.get("again") and given["passphrase"] != given["again"]:
            self.add_error("again", "The two passphrases differ. Nothing was changed. Enter the same passphrase twice.")
        return given


class ScheduleForm(ServiceForm):
    changes_object = True

    every = forms.ChoiceField(
        label="Back up", choices=[(OFF, "never automatically"), ("day", "every day"), ("week", "every week")], widget=select()
    )
    weekday = forms.TypedChoiceField(
        label="Day of the week", choices=list(enumerate(DAYS)), coerce=int, widget=select(), help_text="For a weekly backup."
    )
    hour = forms.TypedChoiceField(
        label="Hour", choices=[(hour, f"{hour:02}:00 UTC") for hour in range(24)], coerce=int, widget=select(),
    )  # fmt: skip
    keep = forms.IntegerField(
        label="Backups to keep", min_value=1, max_value=365,
        help_text="The files of older scheduled backups are deleted. Those that a person asked for stay.",
        widget=forms.NumberInput(attrs={"class": "form-control", "inputmode": "numeric"}),
        error_messages={"required": "Enter a number.", "invalid": "Enter a whole number."},
    )  # fmt: skip

    def __init__(self, data: Any, *, schedule: BackupSchedule) -> None:
        super().__init__(data, initial={name: getattr(schedule, name) for name in FIELDS} | ({} if schedule.every else {"every": OFF}))

    def clean_every(self) -> str:
        chosen = str(self.cleaned_data["every"])
        return "" if chosen == OFF else chosen
