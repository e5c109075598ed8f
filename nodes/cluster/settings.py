"""The facts about app distribution, among the settings of the site."""

from collections.abc import Iterator

from certs.zone.services import zone_current
from pki.cluster.manual_configuration import AppDistribution, Installation
from web.site_settings import Group, Setting, settings_register

INSTALLATION = {Installation.NEW: "new", Installation.UPGRADE: "upgraded"}
DISTRIBUTION = {AppDistribution.NONE: "not used", AppDistribution.USES: "used", AppDistribution.WILL_USE: "planned"}


@settings_register("certs.view_certificate")
def settings() -> Iterator[Setting]:
    zone = zone_current()
    yield Setting(
        "app-distribution", Group.SITE, "Facts about app distribution",
        "They decide whether the cluster certificate must be installed by hand on each node.",
        f"{INSTALLATION[Installation(zone.installation)]} site, app distribution {DISTRIBUTION[AppDistribution(zone.app_distribution)]}",
        "new site, app distribution not used", view="cluster:site", actions=("site.facts_set",),
    )  # fmt: skip
