"""The backups app: the whole site in one encrypted file, on request and by a schedule."""

from django.apps import AppConfig


class BackupsConfig(AppConfig):
    name = "backups"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # These register needs, words for events, permissions, answers to errors, the handler of jobs and periodic work, and need the models loaded.
        from backups import attention, events, jobs, problems, roles, settings, tasks, worker  # noqa: F401, PLC0415
