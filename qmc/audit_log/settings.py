"""How long events are kept, among the settings of the site."""

from collections.abc import Iterator

from audit.retention.services import KEPT
from web.site_settings import Group, Setting, settings_register


@settings_register("audit.view_event")
def settings() -> Iterator[Setting]:
    kept = f"until a person removes them; at least {KEPT.days} days"
    yield Setting(
        "audit-log", Group.RETENTION, "Events of the audit log", "How long events stay in the database.",
        kept, kept, view="audit:segments",
    )  # fmt: skip
