"""The form of a revocation."""

import contextlib
import uuid
from typing import Any

from django import forms

from pki.issuing.revocation_list import RevocationCode
from web.forms import select


class ListedField(forms.Field):
    """The ids of the certificates that the page listed, as hidden fields. A value that is not an id matches nothing, so nothing is revoked."""

    widget = forms.MultipleHiddenInput

    def clean(self, value: Any) -> frozenset[uuid.UUID]:
        found = set()
        for pk in value or ():
            with contextlib.suppress(ValueError):
                found.add(uuid.UUID(pk))
        return frozenset(found)


class ReasonForm(forms.Form):
    """Why certificates are revoked."""

    code = forms.ChoiceField(
        label="Why",
        choices=[("", "choose…"), *((code.value, code.label) for code in RevocationCode)],
        help_text="It is public, in the revocation list.",
        error_messages={"required": "Choose why it is revoked."},
        widget=select(),
    )
    reason = forms.CharField(
        label="What happened",
        max_length=300,
        help_text="In your own words. The audit log and the page of this certificate show it. At most 300 characters.",
        error_messages={"required": "Describe what happened. The audit log shows this text later."},
        widget=forms.Textarea(attrs={"class": "form-control", "rows": 3}),
    )


class RevokeForm(ReasonForm):
    listed = ListedField()
