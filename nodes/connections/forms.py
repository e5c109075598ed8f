"""The form of a connection. Only the shape is checked here; the rules are the service's."""

from typing import Any

from django import forms

from nodes.models import ConnectionType
from web.forms import ServiceForm, text_input


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
