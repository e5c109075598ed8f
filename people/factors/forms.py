"""Forms of second factors. They check the shape; what they call checks the rules."""

from typing import Any

from allauth.core import context
from allauth.mfa.base.internal.flows import post_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth
from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils import timezone

from people.factors.codes import code_use
from people.factors.passkeys import MALFORMED, REFUSED, credential_checked, owner_of
from people.sign_in.attempts import attempt
from web.forms import ServiceForm, text_input

LONGEST_NAME, LONGEST_CODE = 60, 40


def _name(initial: str) -> forms.CharField:
    return forms.CharField(
        label="Name", max_length=LONGEST_NAME, initial=initial, widget=text_input("Phone of Anna"), help_text="Which device this is.",
        error_messages={"required": "Enter a name."},
    )  # fmt: skip


def _code(label: str, help_text: str = "") -> forms.CharField:
    attrs = {"class": "form-control", "autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false"}
    return forms.CharField(
        label=label,
        max_length=LONGEST_CODE,
        widget=forms.TextInput(attrs=attrs),
        help_text=help_text,
        error_messages={"required": "Enter a code."},
    )


class AppForm(ServiceForm):
    """The first code of a new authenticator app."""

    name = _name("Authenticator app")
    code = _code("Code", "The six digits that the app shows now.")
    key = forms.CharField(widget=forms.HiddenInput)


class PasskeyForm(ServiceForm):
    """A new passkey: its name, and what the browser made."""

    name = _name("Passkey")
    credential = forms.JSONField(widget=forms.HiddenInput, error_messages={"required": "The browser made no passkey. Try again."})

    def clean_credential(self) -> dict[str, Any]:
        return credential_checked(self.cleaned_data["credential"])


class NameForm(ServiceForm):
    name = _name("")


class CodeForm(forms.Form):
    """A code of the app, or a recovery code, of a person who signs in."""

    code = _code("Code from your authenticator app, or a recovery code")
    is_again = False

    def __init__(self, *args: Any, user: User, **options: Any) -> None:
        self.user = user
        super().__init__(*args, **options)
        if not Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists():
            self.fields["code"].label = "Recovery code"

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        self.factor = code_use(request=context.request, user=self.user, code=code, now=timezone.now())
        return code

    def save(self) -> None:
        post_authentication(context.request, self.factor, reauthenticated=self.is_again)


class CodeAgainForm(CodeForm):
    """A code of a person who has signed in."""

    is_again = True


class PasskeyUseForm(forms.Form):
    """The answer of a passkey of a person who signs in."""

    credential = forms.JSONField(widget=forms.HiddenInput, error_messages={"required": "The browser sent no passkey. Try again."})
    is_again = is_alone = False

    def __init__(self, *args: Any, user: User | None = None, **options: Any) -> None:
        self.user = user
        super().__init__(*args, **options)

    def clean_credential(self) -> Authenticator:
        credential = self.cleaned_data["credential"]
        user = self.user or owner_of(credential)
        with attempt(context.request, user, means="passkey", now=timezone.now()):
            try:
                auth.parse_authentication_response(credential)
                return auth.complete_authentication(user, credential)
            except MALFORMED as exc:
                raise ValidationError(REFUSED, "passkey") from exc

    def save(self) -> None:
        factor = self.cleaned_data["credential"]
        post_authentication(context.request, factor, reauthenticated=self.is_again, passwordless=self.is_alone)


class PasskeyAgainForm(PasskeyUseForm):
    """The passkey of a person who has signed in."""

    is_again = True


class PasskeyAloneForm(PasskeyUseForm):
    """A passkey without a password before it."""

    is_alone = True
