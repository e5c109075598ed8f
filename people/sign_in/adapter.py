"""How people sign in. Administrators make accounts: there is no sign-up."""

from typing import Any, ClassVar, cast

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from audit.actors import Actor
from audit.models import Outcome
from audit.record import record
from people.sign_in.guessing import browser_remember, guess_counted, guess_taken_back
from people.sign_in.sessions import INITIAL
from pki.core import clocks


class AccountAdapter(DefaultAccountAdapter):
    """Closes the sign-up page, slows guessing, and records sign-ins."""

    error_messages: ClassVar[dict[str, Any]] = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": "User name or password is wrong."
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Raises: ValidationError after too many wrong passwords. The right one is refused too, then."""
        now = timezone.now()
        wait = guess_counted(request, credentials["username"], address=self.get_client_ip(request), now=now)
        if wait is not None:
            raise ValidationError(f"Too many wrong passwords. Wait {clocks.length(wait)}, then try again.", "too_many_login_attempts")

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        user = cast(User | None, super().authenticate(request, **credentials))
        if user is not None:
            guess_taken_back(request, credentials["username"], address=self.get_client_ip(request), now=timezone.now())
        return user

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Record it, if there is such an account. A name that does not exist may be a password in the wrong field, so no log has it."""
        user = User.objects.select_related("person").filter(username__iexact=credentials["username"]).first()
        if user is not None:
            detail = {"address": self.get_client_ip(request)}
            name = user.get_username()
            record(actor=Actor("user", name, user), action="person.sign-in", target=user.person, detail=detail, outcome=Outcome.FAILED, now=timezone.now())  # fmt: skip

    def post_login(self, request: HttpRequest, user: User, **options: Any) -> HttpResponse:
        response, now = cast(HttpResponse, super().post_login(request, user, **options)), timezone.now()
        browser_remember(request, response, user, now=now)
        if user.person.password_is_written:
            request.session[INITIAL] = True
        detail = {"address": self.get_client_ip(request)}
        record(actor=Actor("user", user.get_username(), user), action="person.sign-in", target=user.person, detail=detail, now=now)
        return response
