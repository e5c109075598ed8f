"""The limits of sessions and of wrong passwords, among the settings of the site."""

from collections.abc import Iterator

from people.sign_in.guessing import OF_ACCOUNT, OF_ADDRESS, WINDOW
from people.sign_in.sessions import IDLE, LONGEST
from pki.core import clocks
from web.site_settings import Group, Setting, settings_register


@settings_register("certs.view_certificate")
def settings() -> Iterator[Setting]:
    yield Setting(
        "session", Group.SIGN_IN, "Length of a session", "When a person must sign in again.",
        f"after {clocks.length(IDLE)} without activity, and after {clocks.length(LONGEST)} at the latest",
    )  # fmt: skip
    yield Setting(
        "guessing", Group.SIGN_IN, "Wrong passwords", "When the sign-in makes a person wait.",
        f"after {OF_ACCOUNT} attempts for one account, or {OF_ADDRESS} from one address, in {clocks.length(WINDOW)}",
    )  # fmt: skip
