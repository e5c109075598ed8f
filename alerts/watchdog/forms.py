"""The form of the rules of alerts: thresholds for each kind of expiring thing, and the watchdog URL."""

from typing import Any
from urllib.parse import urlsplit

from django import forms

from alerts.errors import InputInvalid
from alerts.models import Rules
from alerts.rules.thresholds import thresholds_by_kind
from attention.expiring import KINDS
from web.forms import ServiceForm, checkbox, secret_input, text_input

DAYS_OF, NONE = "days_of_", "none"


def _text(days: Any) -> str:
    return ", ".join(f"{day:g}" for day in days) or NONE


class ThresholdsField(forms.CharField):
    """Days before the expiry date, separated by commas. None for the default, an empty list for no thresholds."""

    def clean(self, value: Any) -> Any:
        text = super().clean(value).strip().lower()
        if not text:
            return None
        try:
            return [] if text == NONE else [float(part) for part in text.split(",")]
        except ValueError as exc:
            raise forms.ValidationError(f"Enter numbers of days with commas between them, such as 90, 30, 7. Or enter {NONE}.") from exc


class RulesForm(ServiceForm):
    changes_object = True

    watchdog_url = forms.CharField(
        label="Watchdog URL", required=False, strip=True, max_length=500,
        widget=secret_input("off"),
    )  # fmt: skip
    clear_watchdog_url = forms.BooleanField(
        label="Remove the watchdog URL", required=False, widget=checkbox(),
        help_text="Then nobody notices that the console has stopped.",
    )  # fmt: skip

    def __init__(self, data: Any, *, rules: Rules) -> None:
        defaults, stored = thresholds_by_kind({}), rules.thresholds
        super().__init__(data, initial={DAYS_OF + kind: _text(days) for kind, days in stored.items()})
        for kind, label in KINDS.items():
            self.fields[DAYS_OF + kind] = ThresholdsField(
                label=label[0].upper() + label[1:], required=False, max_length=200, widget=text_input(_text(defaults[kind])),
                help_text=f"If empty: {_text(defaults[kind])}.",
            )  # fmt: skip
        host = urlsplit(rules.watchdog_url.text()).hostname if rules.watchdog_url else ""
        self.fields["watchdog_url"].help_text = (
            f"It is set, at {host}. Leave this field empty to keep it. It is not shown again."
            if host
            else "Such as https://hc.example/ping/4f2c. The console calls it each minute while all is well. It is not shown again."
        )
        if not host:
            del self.fields["clear_watchdog_url"]

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("watchdog_url") and self.cleaned_data.get("clear_watchdog_url"):
            self.add_error("clear_watchdog_url", "You also entered a new URL. Clear the checkbox or the field.")
        return self.cleaned_data

    def refuse(self, exc: InputInvalid) -> None:  # type: ignore[override]
        """The service names the kind at the beginning of what is wrong with its thresholds."""
        for text in exc.errors.pop("thresholds", []):
            kind = text.split(":")[0]
            self.add_error(DAYS_OF + kind if kind in KINDS else None, text.removeprefix(f"{kind}: ").capitalize())
        super().refuse(exc)

    def changes(self) -> dict[str, Any]:
        """The fields as the service expects them."""
        given = self.cleaned_data
        changes: dict[str, Any] = {"thresholds": {kind: days for kind in KINDS if (days := given[DAYS_OF + kind]) is not None}}
        if given.get("clear_watchdog_url"):
            return changes | {"watchdog_url": None}
        return changes | ({"watchdog_url": given["watchdog_url"]} if given["watchdog_url"] else {})

    def watchdog_fields(self) -> list[forms.BoundField]:
        return [field for field in self.visible_fields() if not field.name.startswith(DAYS_OF)]

    def threshold_fields(self) -> list[forms.BoundField]:
        return [field for field in self.visible_fields() if field.name.startswith(DAYS_OF)]
