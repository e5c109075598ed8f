"""The form of a revocation."""

import contextlib
import uuid
from typing import Any

from django import forms

from pki.core.revocation import RevocationCode


class ListedField(forms.Field):
    """The ids of what the page listed, as hidden fields. Whatever is no id matches nothing, and so nothing is done."""

    widget = forms.MultipleHiddenInput

    def clean(self, value: Any) -> frozenset[uuid.UUID]:
        found = set()
        for each in value or ():
            with contextlib.suppress(ValueError):
                found.add(uuid.UUID(each))
        return frozenset(found)


class RevokeForm(forms.Form):
    code = forms.ChoiceField(
        label="Why",
        choices=[("", "choose…"), *((code.value, code.label) for code in RevocationCode)],
        help_text="Stands in the revocation list, for whoever reads it.",
        error_messages={"required": "Choose why it is revoked."},
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    reason = forms.CharField(
        label="What happened",
        max_length=300,
        help_text="In your own words, for the audit log and this certificate's page. At most 300 characters.",
        error_messages={"required": "Say what happened: whoever looks later has only this."},
        widget=forms.Textarea(attrs={"class": "form-control", "rows": 3}),
    )
    listed = ListedField()
