"""The alerts app."""

from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "alerts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # These register answers to errors, words for events, kinds of channels and periodic work, and need the models loaded.
        from alerts import problems, roles  # noqa: F401, PLC0415
        from alerts.alerts import events as alert_events  # noqa: F401, PLC0415
        from alerts.channels import events as channel_events  # noqa: F401, PLC0415
        from alerts.channels.chat import kind as chat  # noqa: F401, PLC0415
        from alerts.channels.mail import kind as mail  # noqa: F401, PLC0415
        from alerts.channels.webhook import kind as webhook  # noqa: F401, PLC0415
        from alerts.deliveries import attention as delivery_attention  # noqa: F401, PLC0415
        from alerts.deliveries import services, tasks  # noqa: F401, PLC0415
        from alerts.deliveries import settings as deliveries_settings  # noqa: F401, PLC0415
        from alerts.routes import events as route_events  # noqa: F401, PLC0415
        from alerts.routes import settings as routes_settings  # noqa: F401, PLC0415
        from alerts.rules import causes  # noqa: F401, PLC0415
        from alerts.rules import events as rule_events  # noqa: F401, PLC0415
        from alerts.state_changes import tasks as state_change_tasks  # noqa: F401, PLC0415
        from alerts.watchdog import attention as watchdog_attention  # noqa: F401, PLC0415
        from alerts.watchdog import settings as watchdog_settings  # noqa: F401, PLC0415
        from alerts.watchdog import tasks as watchdog_tasks  # noqa: F401, PLC0415
