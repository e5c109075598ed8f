"""The forms of a new node and of a connection. Only the shape is checked here; the rules are the services'."""

from typing import Any

from django import forms

from certs.forms import ServiceForm, text_input
from nodes.models import ConnectionType, Node
from nodes.services.change import CHANGEABLE, OF_THE_PLACE
from nodes.services.nodes import SERVICES

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


class ConnectionForm(ServiceForm):
    """`password_told` says what is known of the password that is there, "" when there is none that could be cleared."""

    name = forms.CharField(
        label="Name", strip=False, widget=text_input("Sales"),
        help_text="What services and people call this connection. It exists once.",
        error_messages={"required": "Give the connection a name."},
    )  # fmt: skip
    type = forms.ChoiceField(
        label="Type", choices=[("", "choose a type"), *ConnectionType.choices], widget=forms.Select(attrs={"class": "form-select"}),
        help_text="What answers at the other end.",
        error_messages={"required": "Choose a type.", "invalid_choice": "This is no type of connection. Choose one of the list."},
    )  # fmt: skip
    connection_string = forms.CharField(
        label="Connection string", strip=False,
        widget=forms.Textarea(attrs={"class": "form-control", "rows": 3, "placeholder": "host=db.corp.example;database=sales", "spellcheck": "false"}),
        help_text="Where the data is, in one line, without user name and password. Everybody who may see connections reads it.",
        error_messages={"required": "Give the connection string, such as host=db.corp.example;database=sales."},
    )  # fmt: skip
    username = forms.CharField(
        label="User name", required=False, strip=False, widget=text_input("reader"),
        help_text="As whom services sign in there. May stay empty.",
    )  # fmt: skip
    password = forms.CharField(
        label="Password", required=False, strip=False,
        widget=forms.PasswordInput(attrs={"class": "form-control", "autocomplete": "new-password"}),
    )  # fmt: skip
    clear_password = forms.BooleanField(
        label="Clear the password", required=False, widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
        help_text="Services that need it fail as soon as they read this connection again.",
    )  # fmt: skip

    def __init__(self, *args: Any, password_told: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        now = f"It is {password_told}, and stays while this is empty." if password_told else "It is not set, and may stay empty."
        self.fields["password"].help_text = f"{now} Registered nodes alone open it; nobody sees it here again."
        if not password_told:
            del self.fields["clear_password"]

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("password") and self.cleaned_data.get("clear_password"):
            self.add_error("clear_password", "A new password was given too. Take one of the two away.")
        return self.cleaned_data

    def fields_of_connection(self) -> dict[str, Any]:
        """What the services take: an empty password leaves what is there, the ticked box clears it."""
        fields = {name: self.cleaned_data[name] for name in ("name", "type", "connection_string", "username")}
        if self.cleaned_data.get("clear_password"):
            return fields | {"password": None}
        return fields | ({"password": self.cleaned_data["password"]} if self.cleaned_data["password"] else {})


class ExcludeForm(forms.Form):
    reason = forms.CharField(
        label="Why it is not waited for",
        help_text="It stands in the audit log under your name.",
        max_length=300,
        error_messages={"required": "Say why, for whoever finds this node silent later."},
        widget=forms.TextInput(attrs={"class": "form-control"}),
    )
