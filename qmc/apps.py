"""The qmc app."""

from django.apps import AppConfig


class QmcConfig(AppConfig):
    name = "qmc"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from qmc import checks  # noqa: F401, PLC0415  (checks register themselves, and need the models loaded)
