"""The form of a new token. It checks only the shape of the input; the service checks the rules."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib.auth.models import User

from people.models import Person
from people.roles.registry import ABOUT, Role
from people.tokens.models import Scope
from people.tokens.services import LASTS, LONGEST_NAME, LONGEST_OF_ROOT_ADMIN
from web.forms import ServiceForm, lines_input, select, text_input

SCOPES = {
    Scope.READ: "read: see what the role may see",
    Scope.WRITE: "write: change what the role may change, such as registering nodes",
    Scope.ACCOUNTS: "accounts: make people and tokens. Few programs need it",
    Scope.CALENDAR: "calendar: read the calendar of expiry dates, and nothing else. Others can read the address of a calendar, so choose it alone",
}


def _days(help_text: str) -> forms.IntegerField:
    return forms.IntegerField(
        label="Lasts (days)", min_value=1, max_value=LONGEST_OF_ROOT_ADMIN.days, initial=LASTS.days,
        widget=forms.NumberInput(attrs={"class": "form-control"}), help_text=help_text,
    )  # fmt: skip


class DaysForm(ServiceForm):
    """The lifetime of a token, in days from now."""

    days = _days("From now on. Afterwards it is refused. The expiry page shows it before.")

    def refuse(self, exc: Any) -> None:
        """The lifetime is the field `days` here."""
        exc.errors = {"days" if field == "expires_at" else field: texts for field, texts in exc.errors.items()}
        super().refuse(exc)


class TokenForm(DaysForm):
    """A new token for `user`, or for one of `service_accounts`. `roles` are those of the person."""

    field_order = ("name", "owner", "role", "scopes", "addresses", "days")

    name = forms.CharField(
        label="Name", max_length=LONGEST_NAME, widget=text_input("nightly-registration"), help_text="What uses it. The audit log shows this name.",
        error_messages={"required": "Enter a name, so that you recognize the token later."},
    )  # fmt: skip
    owner = forms.ChoiceField(label="Account", widget=select())
    role = forms.ChoiceField(
        label="Role",
        required=False,
        widget=select(),
        help_text="Give it the smallest role that is enough.",
    )
    scopes = forms.MultipleChoiceField(
        label="It may be used for", choices=list(SCOPES.items()), initial=[Scope.READ, Scope.WRITE],
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}), error_messages={"required": "Choose at least one."},
    )  # fmt: skip
    addresses = forms.CharField(
        label="Addresses", required=False, widget=lines_input(2, "10.0.0.5"),
        help_text="IP addresses or networks that may use it, one a line. Empty: all.",
    )  # fmt: skip

    def __init__(self, *args: Any, user: User, service_accounts: Sequence[Person], roles: Sequence[Role], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["owner"].choices = [  # type: ignore[attr-defined]
            (str(user.person.pk), f"{user.get_username()} (you)"),
            *((str(person.pk), f"{person} (service account)") for person in service_accounts),
        ]
        offered = [*Role] if service_accounts else roles
        self.fields["role"].choices = [("", "All roles of the account"), *((role, f"{role}: {ABOUT[role]}") for role in offered)]  # type: ignore[attr-defined]
        if not service_accounts:
            del self.fields["owner"]

    def fields_of_token(self, now: datetime) -> dict[str, Any]:
        """The input of the service, without the owner."""
        given = self.cleaned_data
        return {
            "name": given["name"],
            "role": given["role"],
            "scopes": given["scopes"],
            "addresses": given["addresses"].split(),
            "expires_at": now + timedelta(days=given["days"]),
        }
