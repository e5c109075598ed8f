"""The form of a new password."""

from django import forms

from people.accounts.forms import LinkForm


class PasswordForm(LinkForm):
    """The present password, and a new one, typed twice."""

    present = forms.CharField(
        label="Present password", strip=False, widget=forms.PasswordInput(attrs={"class": "form-control", "autocomplete": "current-password"}),
        error_messages={"required": "Enter your present password."},
    )  # fmt: skip
    field_order = ("present", "password", "again")
