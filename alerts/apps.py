"""The alerts app."""

from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "alerts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # These register answers to errors and kinds of channels, and need the models loaded.
        from alerts import problems  # noqa: F401, PLC0415
