"""How long a registration password is valid, among the settings of the site."""

from collections.abc import Iterator

from nodes.registration.services import VALID
from pki.core import clocks
from web.site_settings import Group, Setting, settings_register


@settings_register("nodes.view_node")
def settings() -> Iterator[Setting]:
    yield Setting(
        "registration-password", Group.NODES, "Validity of a registration password",
        "How long a node can be unlocked after its registration has begun.", clocks.length(VALID),
    )  # fmt: skip
