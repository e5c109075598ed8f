"""The forms of a node. They check only the shape of the input; the services check the rules."""

from typing import Any

from django import forms

from nodes.inventory.change import CHANGEABLE, PLACE_FIELDS
from nodes.inventory.services import SERVICES
from nodes.inventory.tags import tags_stored
from nodes.models import Node
from web.forms import ServiceForm, lines_input, text_input

PORT_INVALID = {"required": "Enter a port from 1 to 65535.", "invalid": "A port must be a number from 1 to 65535."}


def _port() -> forms.NumberInput:
    return forms.NumberInput(attrs={"class": "form-control", "min": 1, "max": 65535})


def tags_typed(text: str) -> list[str]:
    """The tags in a text, as they are stored."""
    return tags_stored(text.replace(",", " ").split())


class NodeForm(ServiceForm):
    name = forms.CharField(
        label="Name", strip=False, widget=text_input("rim31"),
        help_text="What you call this machine in the console. It can be a short name.",
        error_messages={"required": "Enter a name for the node."},
    )  # fmt: skip
    host_name = forms.CharField(
        label="Host name", strip=False, widget=text_input("rim31.corp.example"),
        help_text="The full name that other machines use to reach it. The name is in the certificate and cannot be changed later.",
        error_messages={"required": "Enter the host name, such as node.corp.example."},
    )  # fmt: skip
    subject_alternative_names = forms.CharField(
        label="Additional names", required=False, strip=False,
        widget=lines_input(2, "analytics.corp.example"),
        help_text="Other names or IP addresses that the certificate must cover, one per line.",
    )  # fmt: skip
    address = forms.CharField(
        label="Address", required=False, strip=False, widget=text_input("10.4.2.31"),
        help_text="The IP address that the central node connects to. Needed only if the host name does not resolve here.",
    )  # fmt: skip
    distribution_port = forms.IntegerField(
        label="Distribution port", initial=4444, widget=_port(), error_messages=PORT_INVALID,
        help_text="The port on which its agent waits for the certificate package.",
    )  # fmt: skip
    node_port = forms.IntegerField(
        label="Node port", initial=4242, widget=_port(), error_messages=PORT_INVALID,
        help_text="The port on which the registered node answers with mutual TLS.",
    )  # fmt: skip
    services = forms.MultipleChoiceField(
        label="Services", required=False, choices=[(service, service.capitalize()) for service in SERVICES],
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
        help_text="The services that run on this machine. They are shown in lists and do not change any certificate.",
    )  # fmt: skip
    tags = forms.CharField(
        label="Tags", required=False, widget=text_input("engines, rack-7"),
        help_text="Short words to find this node by, with commas or spaces between them. They are stored in lower case.",
    )  # fmt: skip
    notes = forms.CharField(
        label="Notes", required=False, widget=lines_input(3, "Second rack on the left. Ask the network team before a restart."),
        help_text="What others should know about this machine. Do not write passwords here: everybody who sees the node reads this.",
    )  # fmt: skip

    def fields_of_node(self) -> dict[str, Any]:
        """The form's data as the services expect it."""
        lines = self.cleaned_data["subject_alternative_names"].splitlines()
        names = [line for line in lines if line]
        return self.cleaned_data | {"subject_alternative_names": names, "tags": tags_typed(self.cleaned_data["tags"])}


class NodeChangeForm(NodeForm):
    """The fields of a node that can be changed: not its host name, and not the address and ports of the central node."""

    changes_object = True

    def __init__(self, data: Any = None, *, node: Node) -> None:
        texts = {"subject_alternative_names": "\n".join(node.subject_alternative_names), "tags": ", ".join(node.tags)}
        initial = {name: getattr(node, name) for name in CHANGEABLE} | texts
        super().__init__(data, initial=initial)
        for name in ("host_name", *(PLACE_FIELDS if node.is_central else ())):
            del self.fields[name]
