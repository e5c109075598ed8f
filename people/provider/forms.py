"""The form of the provider. It checks only the shape of the input; the service checks the rules."""

from typing import Any

from django import forms

from people.provider.models import IdentityProvider
from people.provider.services import LONGEST_AUTHORITIES, LONGEST_SECRET
from people.roles.registry import ABOUT, Role
from web.forms import ServiceForm, checkbox, lines_input, secret_input, text_input

GROUPS_OF = "groups_of_"


class ProviderForm(ServiceForm):
    """The settings of the provider. Each role has a field with the groups that give it, one in each line."""

    changes_object = True

    name = forms.CharField(
        label="Display name", max_length=60, widget=text_input("Company account"), help_text="The sign-in page shows “Sign in with” and this name.",
        error_messages={"required": "Enter the name that people know the provider by."},
    )  # fmt: skip
    issuer = forms.CharField(
        label="Issuer", max_length=300, widget=text_input("https://login.example/realms/company"),
        help_text="The address of the provider, exactly as it writes it. https:// is required.",
        error_messages={"required": "Enter the issuer, such as https://login.example/realms/company."},
    )  # fmt: skip
    client_id = forms.CharField(
        label="Client ID", max_length=300, widget=text_input("trust-zone-console"), help_text="The name of this console at the provider.",
        error_messages={"required": "Enter the client ID. The provider shows it where this console is registered."},
    )  # fmt: skip
    client_secret = forms.CharField(
        label="Client secret", strip=False, max_length=LONGEST_SECRET,
        widget=secret_input("off"),
        error_messages={"required": "Enter the client secret. The provider shows it where this console is registered."},
    )  # fmt: skip
    scopes = forms.CharField(
        label="Scopes", max_length=3000, widget=text_input("openid profile"), help_text="Separated by spaces. openid is required.",
        error_messages={"required": "Enter at least openid."},
    )  # fmt: skip
    name_claim = forms.CharField(
        label="Claim with the user name", max_length=200, widget=text_input("preferred_username"), help_text="A new person gets this name here.",
        error_messages={"required": "Enter the claim, such as preferred_username."},
    )  # fmt: skip
    groups_claim = forms.CharField(
        label="Claim with the groups", max_length=200, widget=text_input("groups"),
        error_messages={"required": "Enter the claim, such as groups."},
    )  # fmt: skip
    creates_people = forms.BooleanField(
        label="Create people at their first sign-in", required=False, widget=checkbox(),
        help_text="They get the roles of their groups. Without a mapped group, nobody is created.",
    )  # fmt: skip
    checks_second_factor = forms.BooleanField(
        label="The provider checks a second factor", required=False, widget=checkbox(),
        help_text="Then a role that requires a second factor asks for no further one after a sign-in with the provider.",
    )  # fmt: skip
    local_for_root_admins_only = forms.BooleanField(
        label="Passwords and passkeys are for RootAdmins only", required=False, widget=checkbox(),
        help_text="While the provider is enabled, all others sign in with the provider.",
    )  # fmt: skip
    further_hosts = forms.CharField(
        label="Further hosts of the provider", required=False, max_length=3000, widget=lines_input(2, "graph.microsoft.com"),
        help_text="Only if its addresses are not all on the host of the issuer. One host name in each line.",
    )  # fmt: skip
    authorities = forms.CharField(
        label="CA certificates", required=False, max_length=LONGEST_AUTHORITIES, widget=lines_input(3, "-----BEGIN CERTIFICATE-----"),
        help_text="In PEM, of the private CA of an internal provider. Leave it empty for a public CA.",
    )  # fmt: skip
    enabled = forms.BooleanField(
        label="Enable sign-in with this provider", required=False, widget=checkbox(),
        help_text="Test it first. Passwords keep working, so that a RootAdmin can sign in while the provider is unavailable.",
    )  # fmt: skip

    def __init__(self, data: Any, *, provider: IdentityProvider | None) -> None:
        super().__init__(data, initial=_initial(provider or IdentityProvider()))
        for role in Role:
            self.fields[GROUPS_OF + role] = forms.CharField(
                label=f"Groups of {role}", required=False, max_length=30_000, widget=lines_input(2), help_text=ABOUT[role]
            )
        self.fields["client_secret"].required = not (provider and provider.client_secret)
        self.fields["client_secret"].help_text = (
            "It is set. Leave this field empty to keep it. It is not shown again."
            if provider and provider.client_secret
            else "The provider shows it where this console is registered. It is encrypted, and not shown again."
        )

    def settings(self) -> dict[str, Any]:
        """The values for the service."""
        given = self.cleaned_data
        values = {name: value for name, value in given.items() if not name.startswith(GROUPS_OF)}
        rows = [{"group": group, "role": role.value} for role in Role for group in _of_lines(given[GROUPS_OF + role])]
        return values | {"scopes": given["scopes"].split(), "further_hosts": _of_lines(given["further_hosts"]), "roles": rows}

    def fields_of_groups(self) -> list[forms.BoundField]:
        return [field for field in self.visible_fields() if field.name.startswith(GROUPS_OF)]

    def fields_of_people(self) -> list[forms.BoundField]:
        return [self["creates_people"], self["checks_second_factor"], self["local_for_root_admins_only"]]

    def fields_of_connection(self) -> list[forms.BoundField]:
        return [self[name] for name in ("name", "issuer", "client_id", "client_secret", "scopes", "name_claim", "groups_claim")]

    def fields_of_network(self) -> list[forms.BoundField]:
        return [self["further_hosts"], self["authorities"]]


class LinkForm(ServiceForm):
    identifier = forms.CharField(
        label="Identifier", strip=True, max_length=300, widget=text_input("8f14e45f-ceea-467f-a1b7"),
        help_text="The claim sub of this person. It is on the page that a refused person sees, and in the audit log.",
        error_messages={"required": "Enter the identifier, which is the claim sub of the person."},
    )  # fmt: skip


def _of_lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _initial(row: IdentityProvider) -> dict[str, Any]:
    """The texts of the form's fields."""
    plain = {name: getattr(row, name) for name in ProviderForm.base_fields if name != "client_secret"}
    groups = {GROUPS_OF + role: "\n".join(one["group"] for one in row.roles if one["role"] == role) for role in Role}
    return plain | groups | {"scopes": " ".join(row.scopes), "further_hosts": "\n".join(row.further_hosts)}
