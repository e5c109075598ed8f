"""The roles that require a second factor, among the settings of the site."""

from collections.abc import Iterator

from people.roles.rules import requires_factor
from web.site_settings import Group, Setting, settings_register
from web.words import listed


@settings_register("people.view_person")
def settings() -> Iterator[Setting]:
    yield Setting(
        "second-factor", Group.SIGN_IN, "Roles that require a second factor",
        "Who must use an authenticator app or a passkey after the password.",
        listed([*requires_factor().order_by("role__name").values_list("role__name", flat=True)]) or "none", "none",
        view="people:roles", actions=("role.second-factor",),
    )  # fmt: skip
