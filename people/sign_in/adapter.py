"""How people sign in. Administrators make accounts: there is no sign-up."""

from typing import Any, ClassVar, cast

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from people.sign_in.attempts import attempt_begin, attempt_right, attempt_wrong, signed_in
from people.sign_in.guessing import browser_remember
from people.sign_in.sessions import INITIAL, SECOND_FACTOR_CHECKED, checked_by_provider

OWN_STAGES = {"allauth.mfa.stages.AuthenticateStage": "people.factors.stages.SecondFactorStage"}


class AccountAdapter(DefaultAccountAdapter):
    """Closes the sign-up page, slows guessing, and records sign-ins."""

    error_messages: ClassVar[dict[str, Any]] = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": "User name or password is wrong."
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Raises: ValidationError after too many wrong passwords. The right one is refused too, then."""
        attempt_begin(request, credentials["username"], now=timezone.now())

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        user = cast(User | None, super().authenticate(request, **credentials))
        if user is not None:
            attempt_right(request, credentials["username"], now=timezone.now())
        return user

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Record it, if there is such an account. A name that does not exist may be a password in the wrong field, so no log has it."""
        user = User.objects.select_related("person").filter(username__iexact=credentials["username"]).first()
        if user is not None:
            attempt_wrong(request, user, means="password", now=timezone.now())

    def get_login_stages(self) -> list[str]:
        return ["people.provider.stages.LocalStage", *(OWN_STAGES.get(path, path) for path in super().get_login_stages())]

    def post_login(self, request: HttpRequest, user: User, **options: Any) -> HttpResponse:
        response, now = cast(HttpResponse, super().post_login(request, user, **options)), timezone.now()
        checked = checked_by_provider(options.get("signal_kwargs"))
        if checked is not None:
            request.session[SECOND_FACTOR_CHECKED] = checked
        else:
            browser_remember(request, response, user, now=now)
            if user.person.password_is_written:
                request.session[INITIAL] = True
        signed_in(request, user, now=now)
        return response
