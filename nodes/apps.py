"""The nodes app."""

from django.apps import AppConfig


class NodesConfig(AppConfig):
    name = "nodes"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # These register handlers of jobs and periodic work, and need the models loaded.
        from nodes import tasks  # noqa: F401, PLC0415
        from nodes.services import key_rotation, registration, renewal, root_rotation  # noqa: F401, PLC0415
