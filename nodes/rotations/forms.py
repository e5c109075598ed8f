"""The form that excludes a node from a rotation."""

from django import forms


class ExcludeForm(forms.Form):
    reason = forms.CharField(
        label="Reason",
        help_text="The reason is recorded in the audit log with your name.",
        max_length=300,
        error_messages={"required": "Enter a reason, for people who later find that this node is silent."},
        widget=forms.TextInput(attrs={"class": "form-control"}),
    )
