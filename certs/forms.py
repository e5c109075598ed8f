"""The forms of the lifetime setting and of a revocation, and what the forms of other rooms share."""

import contextlib
import uuid
from typing import Any

from django import forms
from django.urls import reverse_lazy

from certs.errors import InputInvalid
from pki.revocation import RevocationCode


class ServiceForm(forms.Form):
    """A form whose rules are a service's."""

    def refuse(self, exc: InputInvalid) -> None:
        """Put what a service refused beside the fields it is about."""
        for field, texts in exc.errors.items():
            for text in texts:
                self.add_error(field if field in self.fields else None, text)


def text_input(placeholder: str) -> forms.TextInput:
    """For names and addresses, which no browser is to guess or mend."""
    attrs = {"class": "form-control", "placeholder": placeholder, "autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}
    return forms.TextInput(attrs=attrs)


class LifetimeForm(forms.Form):
    months = forms.IntegerField(
        label="Lifetime of new certificates, in months",
        help_text="A whole number. Below 12 it is set to 12, above 60 to 60. Certificates that exist keep their end.",
        error_messages={"required": "Give a whole number of months.", "invalid": "Give a whole number of months, such as 24."},
        widget=forms.NumberInput(
            attrs={
                "class": "form-control",
                "inputmode": "numeric",
                "hx-get": reverse_lazy("certs:lifetime"),
                "hx-trigger": "input changed delay:300ms",
                "hx-target": "#preview",
                "hx-select": "#preview",
                "hx-swap": "outerHTML",
            }
        ),
    )


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
