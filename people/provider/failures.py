"""Why a sign-in with the provider failed: what a person reads, and what an administrator reads beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

from allauth.socialaccount.providers.base.provider import ProviderException

AGAIN = "Begin the sign-in again."
ASK = "Ask a RootAdmin. A RootAdmin can sign in with a password."


@dataclass(frozen=True)
class Failure:
    """`text` says what happened, `remedy` what to do next."""

    status: int
    title: str
    text: str
    remedy: str


FAILURES = {
    "provider-disabled": Failure(404, "No provider is enabled", "This console does not offer sign-in with a provider.", "Sign in with your password."),
    "secret-unreadable": Failure(503, "The client secret cannot be decrypted", "The console cannot read its own secret for the provider.", ASK),
    "provider-unreachable": Failure(502, "The provider cannot be reached", "The provider did not answer the console, or not in time.", f"Try again in some minutes. {ASK}"),
    "provider-document": Failure(502, "The provider's answer is unusable", "What the provider says about itself does not fit the settings of the console.", ASK),
    "provider-refused": Failure(502, "The provider refused the sign-in", "The provider does not accept the request of this console.", f"{AGAIN} If it stays, ask a RootAdmin."),
    "canceled": Failure(400, "Sign-in canceled", "You canceled the sign-in at the provider, or you may not use this console there.", AGAIN),
    "state-unknown": Failure(
        400, "This sign-in cannot be continued", "It was used already, it is older than 10 minutes, or it began in another browser. Cookies may be blocked.", AGAIN
    ),
    "code-refused": Failure(400, "The provider no longer accepts this sign-in", "Its code was used already, or it is too old.", AGAIN),
    "client-refused": Failure(502, "The provider does not accept this console", "The client ID or the client secret in the settings is wrong.", ASK),
    "token-invalid": Failure(502, "The provider's answer cannot be trusted", "The ID token is not one that the provider gave this console for this sign-in.", f"{AGAIN} If it stays, ask a RootAdmin."),
    "clock": Failure(502, "The clocks differ", "The clock of the provider and the clock of the central node differ too much.", f"{ASK} One of the two clocks must be corrected."),
    "local-refused": Failure(403, "Sign in with the provider", "Passwords and passkeys of this console are for people with the role RootAdmin only.", "Go to the sign-in page, and choose the provider there."),
    "name-unusable": Failure(403, "Your name at the provider cannot be a user name here", "A user name has letters, digits and @ . + - _ only.", ASK),
    "name-taken": Failure(
        403, "This user name belongs to somebody already", "There is a local account with your name. The console does not give it to you because of the name.",
        "If it is yours: sign in with its password, and link it on the page of your account. Otherwise ask a RootAdmin to link you.",
    ),
    "unknown-person": Failure(403, "You have no account here", "This console does not create accounts for people of the provider.", "Ask a RootAdmin to link an account with your identifier."),
    "no-role": Failure(403, "None of your groups has a role here", "You signed in at the provider, but your groups give you no role.", "Ask the people who manage your groups, or a RootAdmin of this console."),
    "deactivated": Failure(403, "Your account is deactivated", "You signed in at the provider, but your account here is deactivated.", "Ask a RootAdmin to activate it."),
    "another-person": Failure(403, "This is another person", "You signed in at the provider as somebody else than here.", "Sign out at the provider, and try again."),
    "not-fresh": Failure(403, "The provider did not ask you again", "This step needs a new sign-in at the provider, and it accepted an earlier one.", "Sign out at the provider, and try again."),
    "link-refused": Failure(409, "Not linked", "This account and this identity cannot be linked.", "Ask a RootAdmin."),
}  # fmt: skip


def printable(text: str) -> str:
    """What the provider said, without characters that a database or a page cannot have."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


class SignInFailed(ProviderException):  # type: ignore[misc]
    """allauth hands it to `ProviderAdapter.on_authentication_error`. `detail` is for administrators: what exactly happened, and what to do.

    `groups` and `identifier` are what the provider said of the person, who may see them.
    """

    def __init__(self, code: str, detail: str = "", *, groups: Sequence[str] = (), identifier: str = "") -> None:
        detail = printable(detail)
        super().__init__(detail or FAILURES[code].text)
        self.code, self.detail, self.groups, self.identifier = code, detail, groups, identifier

    @property
    def failure(self) -> Failure:
        return FAILURES[self.code]

    @property
    def summary(self) -> str:
        return f"{self.failure.title}. {self.failure.text} {self.failure.remedy}"
