"""The form that recreates the root."""

from django import forms


class RecreateForm(forms.Form):
    trust_zone = forms.CharField(
        label="The trust zone's name",
        help_text="Type it to show that this site, and no other, is meant.",
        error_messages={"required": "Type the trust zone's name. Nothing was changed."},
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
