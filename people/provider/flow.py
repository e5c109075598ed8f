"""allauth's flow of OpenID Connect, with the parts that the console does itself: outgoing requests and the proof of the ID token."""

import base64
import hashlib
from typing import Any

from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Client
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from people.provider.attempt import attempt_here
from people.provider.discovery import document_of
from people.provider.failures import SignInFailed
from people.provider.tokens import claims_read, code_exchanged, id_token_verified


def nonce_of(verifier: str) -> str:
    """The nonce of an attempt. It is derived from the PKCE verifier, which only the session has, so one stored secret binds both the code and the ID token."""
    return base64.urlsafe_b64encode(hashlib.sha256(f"nonce {verifier}".encode()).digest()).rstrip(b"=").decode()


class Provider(OpenIDConnectProvider):  # type: ignore[misc]
    """allauth's provider, with PKCE and a nonce always."""

    pkce_enabled_default = True

    def get_pkce_params(self) -> dict[str, str]:
        found: dict[str, str] = super().get_pkce_params()
        return found | {"nonce": nonce_of(found["code_verifier"])}

    def get_oauth2_adapter(self, request: HttpRequest) -> "Exchange":
        return Exchange(request)


class Client(OAuth2Client):  # type: ignore[misc]
    """allauth's client. The address at the provider can have a query, which is kept (RFC 6749, section 3.1)."""

    def get_redirect_url(self, authorization_url: str, scope: Any, extra_params: dict[str, str]) -> str:
        address, _, query = authorization_url.partition("?")
        url: str = super().get_redirect_url(address, scope, extra_params)
        return f"{url}&{query}" if query else url


class Exchange(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """From the code to the claims."""

    client_class = Client

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request, attempt_here(request).row.issuer)

    @property
    def openid_config(self) -> Any:
        attempt = attempt_here(self.request)
        document = document_of(attempt.row)
        if not attempt.steps:
            attempt.done("Discovery", f"{attempt.row.issuer} describes itself. People sign in at {document['authorization_endpoint']}.")
        return document.values

    @property
    def basic_auth(self) -> bool:
        """Whether the client secret is sent as a header, which is the default (Discovery 1.0, section 3). A form is preferred: some providers read headers wrongly."""
        methods = self.openid_config.get("token_endpoint_auth_methods_supported")
        return not isinstance(methods, list) or "client_secret_post" not in methods

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        return request.build_absolute_uri(reverse("provider:callback"))

    def get_access_token_data(self, request: HttpRequest, app: SocialApp, client: Any, pkce_code_verifier: str = "") -> dict[str, Any]:
        attempt = attempt_here(request)
        if request.GET.get("iss", attempt.row.issuer) != attempt.row.issuer:  # RFC 9207
            raise SignInFailed("token-invalid", "The answer names another issuer than the settings.")
        attempt.done("At the provider", "The person came back with a code.")
        attempt.nonce = nonce_of(pkce_code_verifier)
        found = code_exchanged(
            attempt.row, document_of(attempt.row), secret=app.secret, by_header=self.basic_auth, code=request.GET["code"],
            verifier=pkce_code_verifier, redirect_uri=self.get_callback_url(request, app),
        )  # fmt: skip
        attempt.done("Code", "The provider accepted the client ID and the client secret, and exchanged the code for tokens.")
        return found

    def parse_token(self, data: dict[str, Any]) -> SocialToken:
        """Tokens of the provider are not kept."""
        return SocialToken()

    def complete_login(self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any) -> SocialLogin:
        attempt, answer = attempt_here(request), kwargs["response"]
        document = document_of(attempt.row)
        verified, proof = id_token_verified(attempt.row, document, answer["id_token"], nonce=attempt.nonce, now=timezone.now())
        attempt.done("ID token", proof)
        claims = attempt.claims = claims_read(attempt.row, document, verified, answer.get("access_token"))
        attempt.done(
            "Claims",
            f"The provider sent: {', '.join(claims.names)[:1000]}. User name ({attempt.row.name_claim}): {claims.name or 'none'}. "
            f"Groups ({attempt.row.groups_claim}): {', '.join(claims.groups)[:1000] or 'none'}. {claims.remark}".strip(),
        )
        return _Login(provider=self.get_provider(), account=SocialAccount(provider=attempt.row.issuer, uid=claims.subject))


class _Login(SocialLogin):  # type: ignore[misc]
    def lookup(self) -> None:
        """Find nobody, also not by e-mail: `people.provider.identity` finds the person, under a lock, and stores no claims."""
        self._did_authenticate_by_email = None
