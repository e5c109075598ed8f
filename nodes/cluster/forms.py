"""The forms around the cluster certificate. Only the shape is checked here; the rules are the services'."""

from typing import Any

from django import forms

from certs.cluster.services import SHORTEST_PASSWORD
from certs.models import Deployment
from pki.cluster.token_check import LARGEST_TOKEN
from pki.foreign.pfx import PfxForm, password_problem
from web.forms import ServiceForm, text_input


def _select() -> forms.Select:
    return forms.Select(attrs={"class": "form-select"})


def _password() -> forms.PasswordInput:
    return forms.PasswordInput(attrs={"class": "form-control", "autocomplete": "new-password"})


class DeploymentForm(ServiceForm):
    name = forms.CharField(
        label="Name", strip=False, widget=text_input("Europe"),
        help_text="What you call this deployment. It exists once.",
        error_messages={"required": "Give the deployment a name."},
    )  # fmt: skip
    api_address = forms.CharField(
        label="API address", strip=False, widget=text_input("https://tenant.eu.example.com"),
        help_text="Where its API begins, with https. It is kept for people and services; this console never dials it.",
        error_messages={"required": "Give the address of its API, such as https://tenant.eu.example.com."},
    )  # fmt: skip
    audience = forms.CharField(
        label="Audience", strip=False, widget=text_input("tenant.eu.example.com"),
        help_text="What the deployment calls itself in tokens (aud). It refuses a token that is for somebody else.",
        error_messages={"required": "Give the audience that is set in the deployment."},
    )  # fmt: skip


class SiteForm(ServiceForm):
    installation = forms.ChoiceField(
        label="Kind of installation", choices=[("new", "new installation"), ("upgrade", "upgrade of an earlier release")], widget=_select(),
        help_text="Whether this site began with the release that it has now.",
    )  # fmt: skip
    upgraded_from = forms.CharField(
        label="Upgraded from", required=False, strip=True, max_length=200, widget=text_input("June 2020"),
        help_text="The release before the upgrade: month in English and year. For a version with a number, such as 3.2, give June 2017: those are all earlier.",
    )  # fmt: skip
    release = forms.CharField(
        label="Release now", required=False, strip=True, max_length=200, widget=text_input("September 2020"),
        help_text="The release that the site has now. A new installation may leave it empty.",
    )  # fmt: skip
    app_distribution = forms.ChoiceField(
        label="App distribution to multi-cloud", widget=_select(),
        choices=[("none", "neither used nor planned"), ("uses", "used"), ("will_use", "will be used")],
        help_text="Whether apps of this site go, or will go, to multi-cloud deployments. Nothing else needs the certificate.",
    )  # fmt: skip


class TokenForm(forms.Form):
    token = forms.CharField(
        label="Token", max_length=LARGEST_TOKEN,
        widget=forms.Textarea(attrs={"class": "form-control", "rows": 6, "autocomplete": "off", "spellcheck": "false"}),
        help_text="The whole of it, three parts with dots between them. It is looked at here and not kept.",
        error_messages={"required": "Paste a token."},
    )  # fmt: skip
    deployment = forms.ModelChoiceField(
        Deployment.objects.all(), label="For which deployment", required=False, empty_label="any of them", widget=_select(),
        help_text="Then its audience must be this one’s.",
    )  # fmt: skip


class PfxDownloadForm(forms.Form):
    form = forms.ChoiceField(
        label="Encryption", choices=[(PfxForm.AES.value, "AES-256"), (PfxForm.LEGACY.value, "legacy Windows: triple DES and SHA-1")], widget=_select(),
        help_text="Legacy only for Windows Server 2016 and earlier, which open nothing newer.",
    )  # fmt: skip
    password = forms.CharField(
        label="Password of the file", strip=False, widget=_password(),
        help_text="12 to 128 characters of a US keyboard: Windows and OpenSSL do not agree how others are spelt. It is not kept; you need it on each node.",
        error_messages={"required": "Type a password for the file."},
    )  # fmt: skip
    again = forms.CharField(
        label="The password again", strip=False, widget=_password(), help_text="So that no typing error locks the file.",
        error_messages={"required": "Type the password a second time."},
    )  # fmt: skip

    def clean_password(self) -> str:
        typed: str = self.cleaned_data["password"]
        if problem := password_problem(typed, shortest=SHORTEST_PASSWORD):
            raise forms.ValidationError(problem)
        return typed

    def clean(self) -> dict[str, Any]:
        if "password" in self.cleaned_data and self.cleaned_data.get("again") not in (None, self.cleaned_data["password"]):
            self.add_error("again", "The two passwords differ. Type both again.")
        return self.cleaned_data


class ClusterFilter(forms.Form):
    """Which nodes are shown."""

    search = forms.CharField(
        required=False, label="Search", max_length=100, widget=forms.TextInput(attrs={"class": "form-control", "type": "search", "maxlength": 100})
    )  # fmt: skip

    @property
    def wanted(self) -> str:
        return str(self.cleaned_data["search"]).lower() if self.is_valid() else ""
