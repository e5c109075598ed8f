"""Where allauth asks for the provider, reports failures, and hands over a proved identity."""

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base.constants import AuthError
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from django.http import HttpRequest

from people.provider.attempt import attempt_of
from people.provider.endings import ended, failed
from people.provider.failures import SignInFailed
from people.provider.flow import Provider
from people.provider.models import IdentityProvider, provider_current
from people.provider.tokens import word
from pki.core.errors import SealError
from sealing.errors import TrustZoneError


class ProviderAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """The only provider is that of the settings. Its secret is decrypted for an attempt only."""

    def get_provider(self, request: HttpRequest, provider: Any = None, client_id: Any = None) -> Provider:
        """Raises: SignInFailed if the secret cannot be decrypted."""
        attempt = attempt_of(request)
        row = attempt.row if attempt else provider_current() or IdentityProvider()
        app = SocialApp(
            provider=OpenIDConnectProvider.id, provider_id=row.issuer, name=row.name, client_id=row.client_id,
            secret=_secret(row) if attempt else "", settings={"scope": row.scopes},
        )  # fmt: skip
        return Provider(request, app=app)

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, extra_context: Any = None
    ) -> None:
        """Raises: ImmediateHttpResponse with the answer to the failure."""
        state = (extra_context or {}).get("state")
        raise ImmediateHttpResponse(failed(request, _failure(request, error, exception, state), state))

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Raises: SignInFailed; ImmediateHttpResponse if nobody is signed in."""
        if answer := ended(request, sociallogin):
            raise ImmediateHttpResponse(answer)


def _secret(row: IdentityProvider) -> str:
    """Raises: SignInFailed."""
    try:
        return str(row.client_secret.text())
    except (SealError, TrustZoneError) as exc:
        raise SignInFailed("secret-unreadable", f"{exc} Or enter the client secret again.") from exc


def _failure(request: HttpRequest, error: Any, exception: Any, state: Any) -> SignInFailed:
    if isinstance(exception, SignInFailed):
        return exception
    if not state:
        return SignInFailed("state-unknown")
    if error == AuthError.CANCELLED:
        return SignInFailed("canceled", "The provider says access_denied: the person canceled, or may not use this client.")
    code, said = word(request.GET.get("error")), request.GET.get("error_description", "")[:300].rstrip(".")
    return SignInFailed("provider-refused", f"The provider says {code or 'nothing usable'}{f': {said}' if said else ''}.")
