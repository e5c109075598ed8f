"""The form of the limits of calls."""

from django import forms

from nodes.calls.services import DEFAULTS, LONGEST_S, SHORTEST_S
from web.forms import ServiceForm

NUMBER = {"required": "Enter a number of seconds.", "invalid": "Enter a whole number of seconds."}


class CallLimitsForm(ServiceForm):
    changes_object = True

    least_s = forms.IntegerField(
        label="Shortest time between two calls, in seconds", error_messages=NUMBER,
        help_text=f"{SHORTEST_S} to {LONGEST_S}; the default is {DEFAULTS['least_s']}. A node is silent after three missed calls, and at the earliest after three minutes.",
        widget=forms.NumberInput(attrs={"class": "form-control", "inputmode": "numeric"}),
    )  # fmt: skip
    most_s = forms.IntegerField(
        label="Longest time between two calls, in seconds", error_messages=NUMBER,
        help_text=f"{SHORTEST_S} to {LONGEST_S}; the default is {DEFAULTS['most_s']}. Calls are less frequent on a site with thousands of nodes, and while the central node is busy.",
        widget=forms.NumberInput(attrs={"class": "form-control", "inputmode": "numeric"}),
    )  # fmt: skip
