"""The limits of calls, among the settings of the site."""

from collections.abc import Iterator
from dataclasses import asdict

from nodes.calls.services import DEFAULTS, VARIABLES, call_limits
from web.site_settings import Group, Setting, settings_register

WORDS = {
    "least_s": ("Shortest time between the calls of a node", "How often a node calls on a small site. A node is silent after three missed calls, and at the earliest after three minutes."),
    "most_s": ("Longest time between the calls of a node", "Calls are less frequent on a site with thousands of nodes, and while the central node is busy, but not less than this."),
}  # fmt: skip


@settings_register("certs.view_certificate")
def settings() -> Iterator[Setting]:
    limits = asdict(call_limits())
    for name, variable in VARIABLES.items():
        title, changes = WORDS[name]
        yield Setting(
            variable.removeprefix("QMC_").lower().replace("_", "-"), Group.NODES, title, changes, f"{limits[name]} s", f"{DEFAULTS[name]} s",
            view="calls", actions=("calls.set",), environment=variable,
        )  # fmt: skip
