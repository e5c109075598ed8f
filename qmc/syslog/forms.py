"""The form of a syslog receiver. It checks only the shape of the input; the service checks the rules."""

from typing import Any

from django import forms

from audit.models import SyslogReceiver
from audit.syslog.models import PORT
from qmc.syslog.services import FIELDS, LARGEST_PORT, LONGEST_NAME
from web.forms import ServiceForm, checkbox, lines_input, select, text_input

BEGINS = {"first": "all events, the first one first", "next": "the next event"}


class ReceiverForm(ServiceForm):
    changes_object = True

    name = forms.CharField(
        label="Name", widget=text_input("Log archive"), max_length=LONGEST_NAME, help_text="What you call this receiver. The name must be unique.",
        error_messages={"required": "Enter a name for the receiver."},
    )  # fmt: skip
    host = forms.CharField(
        label="Host", widget=text_input("logs.site.example"), max_length=253,
        help_text="A name or an IP address. The certificate of the receiver must have it.", error_messages={"required": "Enter the host."},
    )  # fmt: skip
    port = forms.IntegerField(
        label="Port", initial=PORT, min_value=1, max_value=LARGEST_PORT, help_text=f"Syslog over TLS uses {PORT}.",
        widget=forms.NumberInput(attrs={"class": "form-control", "inputmode": "numeric"}),
        error_messages={"required": "Enter the port.", "invalid": "Enter a whole number."},
    )  # fmt: skip
    ca = forms.CharField(
        label="CA certificates", required=False, widget=lines_input(3),
        help_text="Certificates in PEM of private CAs that issue the certificate of the receiver. Leave it empty if a public CA does.",
    )  # fmt: skip
    begins = forms.ChoiceField(label="Begins with", choices=list(BEGINS.items()), initial="first", widget=select())
    enabled = forms.BooleanField(
        label="On", required=False, initial=True, widget=checkbox(),
        help_text="While it is off, nothing is sent and nothing is skipped.",
    )  # fmt: skip

    def __init__(self, data: Any, *, receiver: SyslogReceiver | None = None) -> None:
        super().__init__(data, initial={name: getattr(receiver, name) for name in FIELDS} if receiver else None)
        if receiver:
            del self.fields["begins"]

    def fields_of_receiver(self) -> dict[str, Any]:
        """The fields as the service expects them."""
        given = dict(self.cleaned_data)
        begins = given.pop("begins", None)
        return given | ({"from_first": begins == "first"} if begins else {})
