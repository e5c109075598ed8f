"""The forms of an export. Only the shape is checked here; the rules are the services'."""

import re
from typing import Any

from django import forms

from certs.exports.services import MOST_AT_ONCE, Wanted
from certs.models import EXPORT_FORMATS, Export
from web.forms import ServiceForm


def _tick() -> forms.CheckboxInput:
    return forms.CheckboxInput(attrs={"class": "form-check-input"})


class WantedForm(ServiceForm):
    """What an export is to hold."""

    format = forms.ChoiceField(
        label="Format", choices=[("", "choose a format"), *EXPORT_FORMATS],
        widget=forms.Select(attrs={"class": "form-select"}),
        help_text="Windows: root.cer, server.pfx, client.pfx. PEM: root.pem, server.pem, server_key.pem, client.pem, client_key.pem, and crl.pem.",
        error_messages={"required": "Choose a format.", "invalid_choice": "This is no format. Choose one of the list."},
    )  # fmt: skip
    password = forms.CharField(
        label="Certificate password", required=False, strip=False,
        widget=forms.PasswordInput(attrs={"class": "form-control", "autocomplete": "new-password"}),
        help_text="Windows needs it; letters, digits and signs of an English keyboard. With PEM it may stay empty, but then the private keys "
        "lie in the files in the clear: whoever reads them can act as this machine. Nobody sees it here again.",
    )  # fmt: skip
    include_secrets_key = forms.BooleanField(
        label="Include the database key", required=False, widget=_tick(),
        help_text="Only for what must read encrypted fields, such as passwords of connections. It has nothing to do with private keys, which are always there.",
    )  # fmt: skip
    include_ca = forms.BooleanField(
        label="Include the root in the certificate files", required=False, widget=_tick(),
        help_text="Puts it beside the certificates in each PFX, or behind them in each PEM file. Its own file, root, is always there.",
    )  # fmt: skip
    legacy = forms.BooleanField(
        label="Legacy Windows", required=False, widget=_tick(),
        help_text="For Windows Server 2016 and earlier, which open no newer PFX: triple DES and SHA-1, RSA keys. Weaker: choose a long password.",
    )  # fmt: skip

    def wanted(self) -> Wanted:
        """What the services take."""
        return Wanted(**self.cleaned_data)


class RenewForm(WantedForm):
    """The same for an export that exists. What had a password loses it only where that is said."""

    clear_on_purpose = forms.BooleanField(
        label="Leave the private keys in the clear", required=False, widget=_tick(),
        help_text="They were encrypted until now. Tick this only if PEM files without a password are meant; then leave the password empty.",
    )  # fmt: skip

    def __init__(self, data: Any, *, export: Export) -> None:
        super().__init__(data, initial=initial_of(export))
        if not export.has_password:
            del self.fields["clear_on_purpose"]


class ExportForm(WantedForm):
    machine_names = forms.CharField(
        label="Machine names", strip=False,
        widget=forms.Textarea(attrs={"class": "form-control", "rows": 4, "placeholder": "reports.corp.example", "spellcheck": "false"}),
        help_text=f"Under which others reach these machines, one per line or with commas between; at most {MOST_AT_ONCE}. Each gets certificates and a folder of its own.",
        error_messages={"required": "Give at least one machine name, such as reports.corp.example."},
    )  # fmt: skip
    field_order = ["machine_names", *WantedForm.base_fields]

    def wanted(self) -> Wanted:
        return Wanted(**{name: self.cleaned_data[name] for name in WantedForm.base_fields})

    def names(self) -> list[str]:
        """What stands between line breaks and commas, without the spaces beside these."""
        return [name for each in re.split(r"[,\r\n]", self.cleaned_data["machine_names"]) if (name := each.strip(" \t"))]


def initial_of(export: Export) -> dict[str, Any]:
    """What a renewal offers: the same again."""
    return {name: getattr(export, name) for name in WantedForm.base_fields if name != "password"}
