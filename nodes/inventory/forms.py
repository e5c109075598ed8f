"""The forms of a new node and of a connection. Only the shape is checked here; the rules are the services'."""

from typing import Any

from django import forms

from nodes.inventory.change import CHANGEABLE, OF_THE_PLACE
from nodes.inventory.services import SERVICES
from nodes.models import Node
from web.forms import ServiceForm, text_input

PORT_INVALID = {"required": "Give a port, from 1 to 65535.", "invalid": "A port is a number from 1 to 65535."}


def _port() -> forms.NumberInput:
    return forms.NumberInput(attrs={"class": "form-control", "min": 1, "max": 65535})


class NodeForm(ServiceForm):
    name = forms.CharField(
        label="Name", strip=False, widget=text_input("rim31"),
        help_text="What you call this machine in the console. It can be short.",
        error_messages={"required": "Give the node a name."},
    )  # fmt: skip
    host_name = forms.CharField(
        label="Host name", strip=False, widget=text_input("rim31.corp.example"),
        help_text="The full name by which other machines reach it. It stands in the certificate and cannot be changed later.",
        error_messages={"required": "Give the host name, such as node.corp.example."},
    )  # fmt: skip
    subject_alternative_names = forms.CharField(
        label="Further names", required=False, strip=False,
        widget=forms.Textarea(attrs={"class": "form-control", "rows": 2, "placeholder": "analytics.corp.example", "spellcheck": "false"}),
        help_text="Other names or IP addresses that must be valid too, one per line. May stay empty.",
    )  # fmt: skip
    address = forms.CharField(
        label="Address", required=False, strip=False, widget=text_input("10.4.2.31"),
        help_text="The IP address at which the node is dialled. Needed only if the host name does not resolve here.",
    )  # fmt: skip
    distribution_port = forms.IntegerField(
        label="Distribution port", initial=4444, widget=_port(), error_messages=PORT_INVALID,
        help_text="Where its agent waits for the certificate package.",
    )  # fmt: skip
    node_port = forms.IntegerField(
        label="Node port", initial=4242, widget=_port(), error_messages=PORT_INVALID,
        help_text="Where it answers with mutual TLS once it is registered.",
    )  # fmt: skip
    services = forms.MultipleChoiceField(
        label="Services", required=False, choices=[(each, each.capitalize()) for each in SERVICES],
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
        help_text="What runs on this machine. It is shown in the lists and changes no certificate.",
    )  # fmt: skip

    def fields_of_node(self) -> dict[str, Any]:
        """What the services take."""
        lines = self.cleaned_data["subject_alternative_names"].splitlines()
        return self.cleaned_data | {"subject_alternative_names": [line for line in lines if line]}


class NodeChangeForm(NodeForm):
    """What can be changed of a node: all but its host name, and for the central node nothing of where it is."""

    def __init__(self, data: Any = None, *, node: Node) -> None:
        names = "\n".join(node.subject_alternative_names)
        initial = {name: getattr(node, name) for name in CHANGEABLE} | {"subject_alternative_names": names}
        super().__init__(data, initial=initial)
        for name in ("host_name", *(OF_THE_PLACE if node.is_central else ())):
            del self.fields[name]
