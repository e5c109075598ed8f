"""Who signs in without the provider."""

from typing import Any

from allauth.account.stages import LoginStage
from django.utils import timezone

from audit.actors import Actor
from audit.models import Outcome
from audit.record import record
from people.accounts.services import roles_of
from people.provider.endings import failure_page
from people.provider.failures import SignInFailed
from people.provider.models import provider_enabled
from people.roles.registry import Role
from people.sign_in.sessions import checked_by_provider
from web.middleware import address_of


class LocalStage(LoginStage):  # type: ignore[misc]
    """The first step after a right password, or a passkey: the settings can leave both to RootAdmins. A sign-in with the provider passes."""

    key = "local"

    def handle(self) -> Any:
        row, user = provider_enabled(), self.login.user
        is_local = checked_by_provider(self.login.signal_kwargs) is None
        if row is None or not row.local_for_root_admins_only or not is_local or Role.ROOT_ADMIN in roles_of(user):
            return None, True
        exc = SignInFailed("local-refused")
        detail = {"address": address_of(self.request), "code": exc.code, "reason": exc.failure.text}
        actor = Actor("user", user.get_username(), user)
        record(actor=actor, action="person.sign-in", target=user.person, detail=detail, outcome=Outcome.REFUSED, now=timezone.now())
        return failure_page(self.request, exc), False
