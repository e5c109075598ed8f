"""The automatic rotation of the root, among the settings of the site."""

from collections.abc import Iterator

from certs.zone.services import zone_current
from web.site_settings import Group, Setting, settings_register


@settings_register("certs.view_rotation")
def settings() -> Iterator[Setting]:
    yield Setting(
        "root-rotation", Group.NODES, "Automatic rotation of the root",
        "Whether a new root replaces the current one at half its lifetime, while everything runs.",
        "on" if zone_current().rotates_by_itself else "off", "on", view="roots:show", actions=("rotation.by_itself",),
    )  # fmt: skip
