"""The form of a connection. It checks only the shape of the input; the service checks the rules."""

from typing import Any

from django import forms

from nodes.models import ConnectionType
from web.forms import ServiceForm, checkbox, lines_input, secret_input, select, text_input


class ConnectionForm(ServiceForm):
    """`password_description` describes the stored password; "" if there is none to clear."""

    changes_object = True

    name = forms.CharField(
        label="Name", strip=False, widget=text_input("Sales"),
        help_text="The name that services and people use for this connection. It must be unique.",
        error_messages={"required": "Enter a name for the connection."},
    )  # fmt: skip
    type = forms.ChoiceField(
        label="Type", choices=[("", "choose a type"), *ConnectionType.choices], widget=select(),
        help_text="The type of the data source.",
        error_messages={"required": "Choose a type.", "invalid_choice": "This is not a type of connection. Choose a type from the list."},
    )  # fmt: skip
    connection_string = forms.CharField(
        label="Connection string", strip=False,
        widget=lines_input(3, "host=db.corp.example;database=sales"),
        help_text="Where the data is, in one line, without user name and password. Everyone with access to connections can read it.",
        error_messages={"required": "Enter the connection string, such as host=db.corp.example;database=sales."},
    )  # fmt: skip
    username = forms.CharField(
        label="User name", required=False, strip=False, widget=text_input("reader"),
        help_text="The user name with which services sign in to the data source.",
    )  # fmt: skip
    password = forms.CharField(
        label="Password", required=False, strip=False,
        widget=secret_input("new-password"),
    )  # fmt: skip
    clear_password = forms.BooleanField(
        label="Clear the password", required=False, widget=checkbox(),
        help_text="Services that need it fail as soon as they read this connection again.",
    )  # fmt: skip

    def __init__(self, *args: Any, password_description: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        now = (
            f"It is {password_description}. Leave this field empty to keep it."
            if password_description
            else "It is not set. Leave this field empty if none is needed."
        )
        self.fields["password"].help_text = f"{now} Only registered nodes can decrypt it. It is never shown here again."
        if not password_description:
            del self.fields["clear_password"]

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("password") and self.cleaned_data.get("clear_password"):
            self.add_error("clear_password", "You also entered a new password. Clear the checkbox or the password field.")
        return self.cleaned_data

    def fields_of_connection(self) -> dict[str, Any]:
        """The fields as the service expects them: an empty password keeps the stored one, the checkbox clears it."""
        fields = {name: self.cleaned_data[name] for name in ("name", "type", "connection_string", "username")}
        if self.cleaned_data.get("clear_password"):
            return fields | {"password": None}
        return fields | ({"password": self.cleaned_data["password"]} if self.cleaned_data["password"] else {})
