"""How long deliveries are kept, among the settings of the site."""

from collections.abc import Iterator

from alerts.deliveries.tasks import KEPT
from web.site_settings import Group, Setting, settings_register


@settings_register("alerts.view_channel")
def settings() -> Iterator[Setting]:
    yield Setting(
        "deliveries", Group.RETENTION, "Messages to channels", "How long the history of sent messages is kept.", f"{KEPT.days} days"
    )
