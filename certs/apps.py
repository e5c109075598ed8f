"""The certs app: the trust zone."""

from django.apps import AppConfig


class CertsConfig(AppConfig):
    name = "certs"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # These register handlers of jobs and periodic work, and need the models loaded.
        from certs import tasks  # noqa: F401, PLC0415
        from certs.services import central_key, export_work, revocation  # noqa: F401, PLC0415
