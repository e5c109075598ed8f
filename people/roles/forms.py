"""The form of the roles."""

from django import forms

from people.roles.registry import ROLES
from web.forms import ServiceForm


class RolesRuleForm(ServiceForm):
    """Which roles require a second factor."""

    changes_object = True

    roles = forms.MultipleChoiceField(
        label="Roles that require a second factor", required=False, choices=[(role, role) for role in ROLES],
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
        help_text="People without a second factor add one at their next page, and can do nothing else before. Tokens are not affected.",
    )  # fmt: skip
