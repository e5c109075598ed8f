"""The receivers of the audit log, among the settings of the site."""

from collections.abc import Iterator

from audit.models import SyslogReceiver
from web.site_settings import Group, Setting, settings_register


@settings_register("audit.view_syslogreceiver")
def settings() -> Iterator[Setting]:
    yield Setting(
        "syslog", Group.RETENTION, "Syslog receivers", "Which servers get every event of the audit log.",
        ", ".join(SyslogReceiver.objects.filter(enabled=True).order_by("name").values_list("name", flat=True)) or "none", "none",
        view="syslog:list", actions=("syslog.created", "syslog.changed", "syslog.deleted"),
    )  # fmt: skip
