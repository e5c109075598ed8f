"""When a sign-in asks for a second factor."""

from typing import Any

from allauth.mfa.stages import AuthenticateStage

from people.sign_in.sessions import checked_by_provider


class SecondFactorStage(AuthenticateStage):  # type: ignore[misc]
    """As allauth's, but a second factor that the provider checked counts, if the settings say so."""

    def handle(self) -> Any:
        if checked_by_provider(self.login.signal_kwargs):
            return None, True
        return super().handle()
