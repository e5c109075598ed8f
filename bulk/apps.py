"""The bulk app: one action on many rows."""

from django.apps import AppConfig


class BulkConfig(AppConfig):
    name = "bulk"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # These register the handler of jobs, periodic work, permissions, words for events and answers to errors, and need the models loaded.
        from bulk import events, jobs, problems, roles, tasks, worker  # noqa: F401, PLC0415
