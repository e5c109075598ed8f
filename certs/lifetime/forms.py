"""The form of the lifetime setting."""

from django import forms
from django.urls import reverse_lazy

from web.forms import ServiceForm


class LifetimeForm(ServiceForm):
    changes_object = True

    months = forms.IntegerField(
        label="Lifetime of new certificates, in months",
        help_text="A whole number from 12 to 60. Existing certificates keep their expiry date.",
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
