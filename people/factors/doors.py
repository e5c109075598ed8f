"""Signing in with a second factor: the pages of allauth with our forms, templates and refusals."""

import json
from typing import Any

from allauth.mfa.base.views import AuthenticateView, ReauthenticateView
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.views import LoginWebAuthnView, ReauthenticateWebAuthnView
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_post_parameters

from people.factors.passkeys import possible_at
from people.factors.services import factors_of

PASSKEY_REFUSED = "passkey_refused"


class SecondFactor(AuthenticateView):
    """After the password: a code, or a passkey."""

    def get_context_data(self, **options: Any) -> dict[str, Any]:
        context, user = super().get_context_data(**options), self.stage.login.user
        kinds = set(factors_of(user).values_list("type", flat=True))
        return {
            **context, "user_name": user.get_username(), "has_passkey": Authenticator.Type.WEBAUTHN in kinds,
            "possible": possible_at(self.request), "options": json.dumps(context["js_data"]["request_options"]),
        }  # fmt: skip


class PasskeyAlone(LoginWebAuthnView):
    """A passkey instead of the password. The sign-in page says why one was refused."""

    def form_invalid(self, form: Form) -> HttpResponse:
        self.request.session[PASSKEY_REFUSED] = " ".join(str(text) for text in form.errors["credential"])
        return redirect("account_login")


class PasskeyAgain(ReauthenticateWebAuthnView):
    """A fresh sign-in with a passkey."""

    def form_invalid(self, form: Form) -> HttpResponse:
        answer: HttpResponse = self.render_to_response(self.get_context_data(form=form))
        return answer

    def get_context_data(self, **options: Any) -> dict[str, Any]:
        context = super().get_context_data(**options) | options
        return {**context, "possible": possible_at(self.request), "options": json.dumps(context["js_data"]["request_options"])}


second_factor = sensitive_post_parameters("code")(SecondFactor.as_view())
passkey_alone = PasskeyAlone.as_view()
code_again = sensitive_post_parameters("code")(ReauthenticateView.as_view())
passkey_again = PasskeyAgain.as_view()
