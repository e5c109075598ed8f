"""The people app: accounts and tokens."""

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "people"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from people import attention  # noqa: F401, PLC0415  (registers what expires, and needs the models loaded)
