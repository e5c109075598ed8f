"""The form of the role of an export. It checks the shape only; the service has the rules."""

from datetime import datetime, timedelta
from typing import Any

from django import forms

from certs.exports.role import LASTS, LONGEST, ROLES
from certs.models import ExportRole
from people.roles.registry import ABOUT, Role
from web.forms import ServiceForm, lines_input, select


class RoleForm(ServiceForm):
    """A role, from where and how long it applies."""

    role = forms.ChoiceField(
        label="Role", required=False, widget=select(),
        choices=[("", "No role: every call is refused"), *((role, f"{role}: {ABOUT[Role(role)]}") for role in ROLES)],
        help_text="Programs on the machine act in this role, with the newest client certificate of this export. Choose the smallest one that is enough.",
    )  # fmt: skip
    addresses = forms.CharField(
        label="Addresses", required=False, widget=lines_input(2, "10.0.0.5"),
        help_text="IP addresses or networks from which it may call, one a line. Empty: all.",
    )  # fmt: skip
    days = forms.IntegerField(
        label="Lasts (days)", min_value=1, max_value=LONGEST.days, widget=forms.NumberInput(attrs={"class": "form-control"}),
        help_text="From now on. Afterwards its calls are refused, until you give it a role again.",
    )  # fmt: skip

    def __init__(self, data: Any, *, held: ExportRole | None) -> None:
        super().__init__(
            data,
            initial={"role": held.role if held else "", "addresses": "\n".join(held.addresses) if held else "", "days": LASTS.days},
        )

    def refuse(self, exc: Any) -> None:
        """The expiry is the field `days` here."""
        exc.errors = {"days" if field == "expires_at" else field: texts for field, texts in exc.errors.items()}
        super().refuse(exc)

    def fields_of_role(self, now: datetime) -> dict[str, Any] | None:
        """The input of the service. None for no role."""
        given = self.cleaned_data
        if not given["role"]:
            return None
        return {"role": given["role"], "addresses": given["addresses"].split(), "expires_at": now + timedelta(days=given["days"])}
