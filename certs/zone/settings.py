"""The trust zone and the version of the console, among the settings of the site."""

from collections.abc import Iterator

from agent.version import VERSION
from certs.zone.services import zone_current
from web.site_settings import Group, Setting, settings_register


@settings_register("certs.view_certificate")
def settings() -> Iterator[Setting]:
    about = "The name of the site. It is in the name of its root certificate."
    yield Setting("trust-zone", Group.SITE, "Trust zone", about, zone_current().name, order=1)
    yield Setting("version", Group.SITE, "Version", "The version of the console.", VERSION, order=2)
