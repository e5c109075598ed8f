"""The forms of one's own account."""

from django import forms

from people.accounts.forms import LinkForm
from people.models import DateForm, Theme
from web.forms import ServiceForm, secret_input, select
from web.time_zones import LONGEST, time_zone_input


class PasswordForm(LinkForm):
    """The present password, and a new one, typed twice."""

    present = forms.CharField(
        label="Present password", strip=False, widget=secret_input("current-password"),
        error_messages={"required": "Enter your present password."},
    )  # fmt: skip
    field_order = ("present", "password", "again")


class AppearanceForm(ServiceForm):
    """How pages look to one person."""

    changes_object = True

    time_zone = forms.CharField(
        label="Time zone", required=False, max_length=LONGEST, widget=time_zone_input(placeholder="that of the browser"),
        help_text="Of the times on pages, such as Europe/Berlin. Empty means that of the browser. Point at a time to see it in UTC.",
    )  # fmt: skip
    date_form = forms.ChoiceField(label="Days and times", choices=DateForm.choices, widget=select())
    theme = forms.ChoiceField(label="Theme", choices=Theme.choices, widget=select())
