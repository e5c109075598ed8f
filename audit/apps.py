"""The audit app."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "audit"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # These register periodic work and words for events, and need the models loaded.
        from audit import tasks  # noqa: F401, PLC0415
        from audit.checkpoints import events as checkpoint_events  # noqa: F401, PLC0415
        from audit.exports import events as exports_events  # noqa: F401, PLC0415
        from audit.retention import events as retention_events  # noqa: F401, PLC0415
        from audit.retention import worker  # noqa: F401, PLC0415
        from audit.syslog import tasks as syslog_tasks  # noqa: F401, PLC0415
