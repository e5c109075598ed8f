"""Forms of people. They check only the shape of the input; the services check the rules."""

from typing import Any, cast

from django import forms

from people.accounts.services import LONGEST_NAME, roles_of
from people.models import Person
from people.roles.registry import ABOUT, Role
from web.forms import ServiceForm, checkbox, secret_input, text_input


def _roles() -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label="Roles", required=False, choices=[(role, f"{role}: {ABOUT[role]}") for role in Role],
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
        help_text="Without a role, the account may do nothing.",
    )  # fmt: skip


class NewPersonForm(ServiceForm):
    username = forms.CharField(
        label="User name", max_length=LONGEST_NAME, widget=text_input("anna"), help_text="For signing in. The audit log shows it. It cannot be changed later.",
        error_messages={"required": "Enter a user name."},
    )  # fmt: skip
    roles = _roles()
    is_service = forms.BooleanField(
        label="Service account", required=False, widget=checkbox(),
        help_text="For programs. It cannot sign in, and has tokens only.",
    )  # fmt: skip


class RolesForm(ServiceForm):
    """The roles that a RootAdmin gives. Those of the provider follow its groups."""

    changes_object = True

    roles = _roles()

    def __init__(self, data: Any, *, person: Person) -> None:
        self.of_provider = [role for role in roles_of(person.user) if role in person.provider_roles]
        super().__init__(data, initial={"roles": [role for role in roles_of(person.user) if role not in self.of_provider]})
        field = cast(forms.MultipleChoiceField, self.fields["roles"])
        field.choices = [(role, f"{role}: {ABOUT[role]}") for role in Role if role not in self.of_provider]

    def all_roles(self) -> list[str]:
        return [*self.cleaned_data["roles"], *self.of_provider]


class LinkForm(ServiceForm):
    """A password, typed twice."""

    password = forms.CharField(
        label="New password", strip=False, widget=secret_input("new-password"),
        help_text="At least 12 characters.", error_messages={"required": "Enter a password."},
    )  # fmt: skip
    again = forms.CharField(
        label="The same password again", strip=False, widget=secret_input("new-password"),
        error_messages={"required": "Enter the password a second time."},
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if {"password", "again"} <= given.keys() and given["password"] != given["again"]:
            self.add_error("again", "The two passwords differ. Type the same password twice.")
        return given
