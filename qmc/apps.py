"""The qmc app."""

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class QmcConfig(AppConfig):
    name = "qmc"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # These register checks, handlers of jobs and periodic work, and need the models loaded.
        from people.roles.groups import roles_write  # noqa: PLC0415
        from qmc import checks  # noqa: F401, PLC0415
        from qmc.addresses import events as addresses_events  # noqa: F401, PLC0415
        from qmc.addresses import settings as addresses_settings  # noqa: F401, PLC0415
        from qmc.audit_log import attention as audit_log_attention  # noqa: F401, PLC0415
        from qmc.audit_log import events as audit_log_events  # noqa: F401, PLC0415
        from qmc.audit_log import jobs as audit_log_jobs  # noqa: F401, PLC0415
        from qmc.audit_log import problems as audit_log_problems  # noqa: F401, PLC0415
        from qmc.audit_log import settings as audit_log_settings  # noqa: F401, PLC0415
        from qmc.celery import beat_schedule_set  # noqa: PLC0415
        from qmc.help import search as help_search  # noqa: F401, PLC0415
        from qmc.jobs import events as jobs_events  # noqa: F401, PLC0415
        from qmc.jobs import problems as jobs_problems  # noqa: F401, PLC0415
        from qmc.overview import attention as overview_attention  # noqa: F401, PLC0415
        from qmc.overview import events as overview_events  # noqa: F401, PLC0415
        from qmc.recreation import events as recreation_events  # noqa: F401, PLC0415
        from qmc.recreation import jobs as recreation_jobs  # noqa: F401, PLC0415
        from qmc.recreation import services as recreate  # noqa: F401, PLC0415
        from qmc.search import search  # noqa: F401, PLC0415
        from qmc.site_settings import settings as site_settings_settings  # noqa: F401, PLC0415
        from qmc.syslog import attention as syslog_attention  # noqa: F401, PLC0415
        from qmc.syslog import events as syslog_events  # noqa: F401, PLC0415
        from qmc.syslog import settings as syslog_settings  # noqa: F401, PLC0415
        from storage import attention as storage_attention  # noqa: F401, PLC0415
        from storage import events as storage_events  # noqa: F401, PLC0415
        from storage import tasks  # noqa: F401, PLC0415

        beat_schedule_set()
        # When Django reports the last app with tables, the permissions of all apps exist.
        post_migrate.connect(roles_write, sender=[app for app in apps.get_app_configs() if app.models_module][-1])
