"""The forms about the cluster certificate. They check only the shape of the input; the services check the rules."""

from typing import Any

from django import forms

from certs.cluster.services import SHORTEST_PASSWORD
from certs.models import Deployment
from pki.cluster.token_check import LARGEST_TOKEN
from pki.foreign.pfx import PfxForm, password_problem
from web.forms import ServiceForm, lines_input, secret_input, select, text_input


class DeploymentForm(ServiceForm):
    changes_object = True

    name = forms.CharField(
        label="Name", strip=False, widget=text_input("Europe"),
        help_text="What you call this deployment. The name must be unique.",
        error_messages={"required": "Enter a name for the deployment."},
    )  # fmt: skip
    api_address = forms.CharField(
        label="API address", strip=False, widget=text_input("https://tenant.eu.example.com"),
        help_text="The start of its API address, with https. It is stored for people and services; this console never connects to it.",
        error_messages={"required": "Enter the address of its API, such as https://tenant.eu.example.com."},
    )  # fmt: skip
    audience = forms.CharField(
        label="Audience", strip=False, widget=text_input("tenant.eu.example.com"),
        help_text="The deployment's own name in tokens (aud). It refuses tokens for another audience.",
        error_messages={"required": "Enter the audience that is configured in the deployment."},
    )  # fmt: skip


class SiteForm(ServiceForm):
    changes_object = True

    installation = forms.ChoiceField(
        label="Kind of installation", choices=[("new", "new installation"), ("upgrade", "upgrade of an earlier release")], widget=select(),
        help_text="Whether this site was first installed with its current release.",
    )  # fmt: skip
    upgraded_from = forms.CharField(
        label="Upgraded from", required=False, strip=True, max_length=200, widget=text_input("June 2020"),
        help_text="The release before the upgrade: month in English and year. For a version with a number, such as 3.2, enter June 2017.",
    )  # fmt: skip
    release = forms.CharField(
        label="Current release", required=False, strip=True, max_length=200, widget=text_input("September 2020"),
        help_text="The current release of the site. Not needed for a new installation.",
    )  # fmt: skip
    app_distribution = forms.ChoiceField(
        label="App distribution to multi-cloud", widget=select(),
        choices=[("none", "neither used nor planned"), ("uses", "used"), ("will_use", "will be used")],
        help_text="Whether apps of this site are or will be distributed to multi-cloud deployments. Only this needs the certificate.",
    )  # fmt: skip


class TokenForm(forms.Form):
    token = forms.CharField(
        label="Token", max_length=LARGEST_TOKEN,
        widget=lines_input(6),
        help_text="The whole token: three parts, separated by dots. It is checked here and not stored.",
        error_messages={"required": "Paste a token."},
    )  # fmt: skip
    deployment = forms.ModelChoiceField(
        Deployment.objects.all(), label="Deployment", required=False, empty_label="any", widget=select(),
        help_text="If you choose one, the token must have its audience.",
    )  # fmt: skip


class PfxDownloadForm(forms.Form):
    form = forms.ChoiceField(
        label="Encryption", choices=[(PfxForm.AES.value, "AES-256"), (PfxForm.LEGACY.value, "legacy Windows: triple DES and SHA-1")], widget=select(),
        help_text="Use legacy only for Windows Server 2016 and earlier, which cannot open AES-256.",
    )  # fmt: skip
    password = forms.CharField(
        label="Password of the file", strip=False, widget=secret_input("new-password"),
        help_text="12 to 128 characters of a US keyboard, because Windows and OpenSSL encode other characters differently. It is not stored. You need it on each node.",
        error_messages={"required": "Enter a password for the file."},
    )  # fmt: skip
    again = forms.CharField(
        label="Repeat the password", strip=False, widget=secret_input("new-password"), help_text="This protects you from a typing error.",
        error_messages={"required": "Enter the password again."},
    )  # fmt: skip

    def clean_password(self) -> str:
        typed: str = self.cleaned_data["password"]
        if problem := password_problem(typed, shortest=SHORTEST_PASSWORD):
            raise forms.ValidationError(problem)
        return typed

    def clean(self) -> dict[str, Any]:
        if "password" in self.cleaned_data and self.cleaned_data.get("again") not in (None, self.cleaned_data["password"]):
            self.add_error("again", "The two passwords are different. Enter both again.")
        return self.cleaned_data
