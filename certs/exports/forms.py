"""The forms of an export. They check the shape only; the services have the rules."""

import re
from typing import Any

from django import forms

from certs.exports.services import MOST_AT_ONCE, ExportOptions
from certs.models import EXPORT_FORMATS, Export
from web.forms import ServiceForm, checkbox, lines_input, secret_input, select


class ExportOptionsForm(ServiceForm):
    """The options of an export."""

    format = forms.ChoiceField(
        label="Format", choices=[("", "choose a format"), *EXPORT_FORMATS],
        widget=select(),
        help_text="Windows: root.cer, server.pfx, client.pfx. PEM: root.pem, server.pem, server_key.pem, client.pem, client_key.pem, and crl.pem.",
        error_messages={"required": "Choose a format.", "invalid_choice": "This format does not exist. Choose a format from the list."},
    )  # fmt: skip
    password = forms.CharField(
        label="Certificate password", required=False, strip=False,
        widget=secret_input("new-password"),
        help_text="Windows needs one. Use letters, digits and signs of an English keyboard. For PEM it can be empty, but then the private keys "
        "are not encrypted, and everybody who can read the files can act as this machine. The password is not shown again.",
    )  # fmt: skip
    include_secrets_key = forms.BooleanField(
        label="Include the database key", required=False, widget=checkbox(),
        help_text="Only for programs that must read encrypted fields, such as passwords of connections. Private keys are always included.",
    )  # fmt: skip
    include_ca = forms.BooleanField(
        label="Include the root in the certificate files", required=False, widget=checkbox(),
        help_text="Adds the root to each PFX, or to the end of each PEM file. The separate file root is always included.",
    )  # fmt: skip
    legacy = forms.BooleanField(
        label="Legacy Windows", required=False, widget=checkbox(),
        help_text="For Windows Server 2016 and earlier, which cannot open a newer PFX. It uses triple DES, SHA-1 and RSA keys, which are weaker. Choose a long password.",
    )  # fmt: skip

    def options(self) -> ExportOptions:
        """The values for the services."""
        return ExportOptions(**self.cleaned_data)


class RenewForm(ExportOptionsForm):
    """The same for an existing export. Its password is removed only on request."""

    clear_on_purpose = forms.BooleanField(
        label="Do not encrypt the private keys", required=False, widget=checkbox(),
        help_text="They are encrypted now. Select this only if you want PEM files without a password, and leave the password empty.",
    )  # fmt: skip

    def __init__(self, data: Any, *, export: Export) -> None:
        super().__init__(data, initial=initial_of(export))
        if not export.has_password:
            del self.fields["clear_on_purpose"]


class ExportForm(ExportOptionsForm):
    machine_names = forms.CharField(
        label="Machine names", strip=False,
        widget=lines_input(4, "reports.corp.example"),
        help_text=f"The names at which others reach these machines. One name a line, or separated by commas. At most {MOST_AT_ONCE}. Each machine gets its own certificates and folder.",
        error_messages={"required": "Give at least one machine name, such as reports.corp.example."},
    )  # fmt: skip
    field_order = ["machine_names", *ExportOptionsForm.base_fields]

    def options(self) -> ExportOptions:
        return ExportOptions(**{name: self.cleaned_data[name] for name in ExportOptionsForm.base_fields})

    def names(self) -> list[str]:
        """The names between line breaks and commas, without spaces around them."""
        return [name for line in re.split(r"[,\r\n]", self.cleaned_data["machine_names"]) if (name := line.strip(" \t"))]


def initial_of(export: Export) -> dict[str, Any]:
    """The initial values of a renewal: those of the export."""
    return {name: getattr(export, name) for name in ExportOptionsForm.base_fields if name != "password"}
