"""The form that leaves a node out of a rotation."""

from django import forms


class ExcludeForm(forms.Form):
    reason = forms.CharField(
        label="Why it is not waited for",
        help_text="It stands in the audit log under your name.",
        max_length=300,
        error_messages={"required": "Say why, for whoever finds this node silent later."},
        widget=forms.TextInput(attrs={"class": "form-control"}),
    )
