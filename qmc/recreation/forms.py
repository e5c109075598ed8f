"""The form that recreates the root."""

from django import forms


class RecreateForm(forms.Form):
    trust_zone = forms.CharField(
        label="Name of the trust zone",
        help_text="Type it to confirm that you mean this site.",
        error_messages={"required": "Type the name of the trust zone. Nothing was changed."},
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
