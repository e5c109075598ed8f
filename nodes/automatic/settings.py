"""The rules of automatic renewal, among the settings of the site."""

from collections.abc import Iterator

from pki.core import clocks, lifetime
from web.site_settings import Group, Setting, settings_register


@settings_register("certs.view_certificate")
def settings() -> Iterator[Setting]:
    before, spread = clocks.length(lifetime.BEFORE_THE_END), clocks.length(lifetime.LONGEST_SPREAD)
    yield Setting(
        "renewal", Group.NODES, "Automatic renewal",
        f"When the certificates of a node are renewed. Nodes are spread over up to {spread}, so that they do not renew all at once.",
        f"at two thirds of the lifetime, or {before} before the expiry date if that is earlier",
    )  # fmt: skip
