"""The certs app: the certificate authority of the trust zone."""

from django.apps import AppConfig


class CertsConfig(AppConfig):
    name = "certs"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # These register handlers of jobs, periodic work and answers to errors, and need the models loaded.
        from certs import problems, roles, tasks  # noqa: F401, PLC0415
        from certs.central_key import attention as central_key_attention  # noqa: F401, PLC0415
        from certs.central_key import events as central_key_events  # noqa: F401, PLC0415
        from certs.central_key import jobs as central_key_jobs  # noqa: F401, PLC0415
        from certs.central_key import services as central_key  # noqa: F401, PLC0415
        from certs.certificates import events as certificate_events  # noqa: F401, PLC0415
        from certs.certificates import search as certificate_search  # noqa: F401, PLC0415
        from certs.cluster import events as cluster_events  # noqa: F401, PLC0415
        from certs.database_key import events as database_key_events  # noqa: F401, PLC0415
        from certs.exports import attention as exports_attention  # noqa: F401, PLC0415
        from certs.exports import bulk as export_bulk  # noqa: F401, PLC0415
        from certs.exports import events as export_events  # noqa: F401, PLC0415
        from certs.exports import jobs as export_jobs  # noqa: F401, PLC0415
        from certs.exports import names, role, search, status  # noqa: F401, PLC0415
        from certs.exports import settings as exports_settings  # noqa: F401, PLC0415
        from certs.exports import worker as export_work  # noqa: F401, PLC0415
        from certs.founding import events as founding_events  # noqa: F401, PLC0415
        from certs.keys import events as keys_events  # noqa: F401, PLC0415
        from certs.keys import settings as keys_settings  # noqa: F401, PLC0415
        from certs.lifetime import attention as lifetime_attention  # noqa: F401, PLC0415
        from certs.lifetime import events as lifetime_events  # noqa: F401, PLC0415
        from certs.lifetime import settings as lifetime_settings  # noqa: F401, PLC0415
        from certs.names import attention as names_attention  # noqa: F401, PLC0415
        from certs.revocation import attention as revocation_attention  # noqa: F401, PLC0415
        from certs.revocation import bulk as revocation_bulk  # noqa: F401, PLC0415
        from certs.revocation import events as revocation_events  # noqa: F401, PLC0415
        from certs.revocation import jobs as revocation_jobs  # noqa: F401, PLC0415
        from certs.revocation import lists as revocation  # noqa: F401, PLC0415
        from certs.roots import attention as roots_attention  # noqa: F401, PLC0415
        from certs.roots import events as roots_events  # noqa: F401, PLC0415
        from certs.roots import settings as roots_settings  # noqa: F401, PLC0415
        from certs.zone import settings as zone_settings  # noqa: F401, PLC0415
