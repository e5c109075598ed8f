"""The forms of browser certificates. They check only the shape of the input; the services check the rules."""

from collections.abc import Sequence
from typing import Any

from django import forms

from nodes.browser_certificates.services import KEY_TYPES
from nodes.models import BrowserCertificate
from pki.core import clocks
from pki.core.keys import KeyType
from pki.foreign.uploaded import LARGEST_BYTES, File
from web.forms import ServiceForm, lines_input, secret_input, select

TEXT = {"class": "form-control", "autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}
LIMIT = f"{LARGEST_BYTES // 1024} KiB"


class SeveralFilesInput(forms.FileInput):
    allow_multiple_selected = True


class SeveralFiles(forms.FileField):
    """One or more files."""

    widget = SeveralFilesInput

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        chosen = data if isinstance(data, list | tuple) else [data]
        return [super(SeveralFiles, self).clean(file, initial) for file in chosen or [None]]


def _name() -> forms.CharField:
    return forms.CharField(
        label="Name", required=False, strip=False, widget=forms.TextInput(attrs=TEXT | {"placeholder": "Analytics, 2027"}),
        help_text="What you call this certificate in the console. If empty, the console uses the name in the certificate.",
    )  # fmt: skip


class FilesForm(ServiceForm):
    """Files, and the passphrase to decrypt them."""

    files = SeveralFiles(  # type: ignore[assignment]  # the form's own `files` is another thing: fields are taken out of the class
        label="Files", allow_empty_file=True, max_length=200, widget=SeveralFilesInput(attrs={"class": "form-control", "multiple": True}),
        error_messages={"required": "Choose a file.", "invalid": "No file was sent. Choose it again."},
    )  # fmt: skip
    passphrase = forms.CharField(
        label="Passphrase", required=False, strip=False,
        widget=secret_input("off"),
        help_text="The passphrase of the PFX file or of the encrypted key. Leave it empty if there is none. It is used once and not stored.",
    )  # fmt: skip

    def fields_of_certificate(self) -> dict[str, Any]:
        """The form's data as the services expect it."""
        chosen = [File(file.name or "", file.read()) for file in self.cleaned_data["files"]]
        return {name: value for name, value in self.cleaned_data.items() if name != "files"} | {"files": chosen}

    @property
    def hint(self) -> str:
        again = ", and choose the files again, because the browser does not keep them" if self.files else ""
        return f"Correct the marked fields below{again}."


class UploadForm(FilesForm):
    name = _name()
    field_order = ["files", "passphrase", "name"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields[
            "files"
        ].help_text = f"A PFX file, or the certificate, intermediates and private key as PEM or DER. Choose all files together. At most {LIMIT} in total."


class AnswerForm(FilesForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields[
            "files"
        ].help_text = f"The certificate and its intermediates as PEM, DER or PKCS #7. Choose all files together. At most {LIMIT} in total."
        self.fields["passphrase"].help_text = "Needed only if the files are encrypted, which is rare here."


class RequestForm(ServiceForm):
    host_names = forms.CharField(
        label="Names", strip=False,
        widget=lines_input(3, "analytics.corp.example"),
        help_text="The names that people enter in their browsers, one per line: host names, IP addresses, or a wildcard such as *.corp.example.",
        error_messages={"required": "Enter at least one name."},
    )  # fmt: skip
    key_type = forms.ChoiceField(
        label="Key", choices=[(key_type.value, key_type.value) for key_type in KEY_TYPES], initial=KeyType.RSA_3072.value,
        widget=select(), help_text="Every certificate authority and browser accepts RSA-3072.",
    )  # fmt: skip
    name = _name()

    def fields_of_certificate(self) -> dict[str, Any]:
        """The form's data as the services expect it."""
        lines = self.cleaned_data["host_names"].splitlines()
        return self.cleaned_data | {"host_names": [line for line in lines if line]}


class ChoiceForm(ServiceForm):
    """A thumbprint that is entered takes precedence over the selected certificate."""

    changes_object = True

    pick = forms.ChoiceField(
        label="Certificate", required=False, widget=select(),
        help_text="The certificate that the node serves to browsers after its next call.",
    )  # fmt: skip
    thumbprint = forms.CharField(
        label="Or by thumbprint", required=False, strip=False, max_length=500,
        widget=forms.TextInput(attrs=TEXT | {"placeholder": "2e 4f 9a …"}),
        help_text="40 or 64 hexadecimal digits, as Windows shows them, with or without spaces. If the console has no certificate with it, the node uses "
        "the trust zone's certificate and reports that.",
    )  # fmt: skip

    def __init__(self, *args: Any, certificates: Sequence[BrowserCertificate], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        picked = [
            (certificate.sha256, f"{certificate} (until {clocks.day(certificate.not_after)})")
            for certificate in certificates
            if certificate.not_after
        ]
        self.fields["pick"].choices = [("", "the trust zone's certificate"), *picked]  # type: ignore[attr-defined]

    def chosen(self) -> str:
        """The thumbprint as the service expects it."""
        typed: str = self.cleaned_data["thumbprint"]
        return typed if typed.strip() else self.cleaned_data["pick"]
