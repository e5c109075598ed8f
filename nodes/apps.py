"""The nodes app."""

from django.apps import AppConfig


class NodesConfig(AppConfig):
    name = "nodes"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # These register handlers of jobs, periodic work and answers to errors, and need the models loaded.
        from nodes import problems, roles  # noqa: F401, PLC0415
        from nodes.addresses import events as addresses_events  # noqa: F401, PLC0415
        from nodes.automatic import attention, tasks  # noqa: F401, PLC0415
        from nodes.automatic import settings as automatic_settings  # noqa: F401, PLC0415
        from nodes.browser_certificates import attention as browser_certificates_attention  # noqa: F401, PLC0415
        from nodes.browser_certificates import events as browser_certificates_events  # noqa: F401, PLC0415
        from nodes.browser_certificates import search as browser_certificates_search  # noqa: F401, PLC0415
        from nodes.browser_certificates import section as browser_certificates_section  # noqa: F401, PLC0415
        from nodes.bulk_registration import bulk as bulk_registration  # noqa: F401, PLC0415
        from nodes.calls import events, settings  # noqa: F401, PLC0415
        from nodes.central import attention as central_attention  # noqa: F401, PLC0415
        from nodes.central import checkpoints as central_checkpoints  # noqa: F401, PLC0415
        from nodes.central import events as central_events  # noqa: F401, PLC0415
        from nodes.cluster import attention as cluster_attention  # noqa: F401, PLC0415
        from nodes.cluster import events as cluster_events  # noqa: F401, PLC0415
        from nodes.cluster import settings as cluster_settings  # noqa: F401, PLC0415
        from nodes.connections import events as connections_events  # noqa: F401, PLC0415
        from nodes.connections import search as connections_search  # noqa: F401, PLC0415
        from nodes.inventory import bulk as inventory_bulk  # noqa: F401, PLC0415
        from nodes.inventory import events as inventory_events  # noqa: F401, PLC0415
        from nodes.inventory import names as inventory_names  # noqa: F401, PLC0415
        from nodes.inventory import search as inventory_search  # noqa: F401, PLC0415
        from nodes.inventory import section as inventory_section  # noqa: F401, PLC0415
        from nodes.inventory import settings as inventory_settings  # noqa: F401, PLC0415
        from nodes.nudges import tasks as nudges_tasks  # noqa: F401, PLC0415
        from nodes.observation import attention as observation_attention  # noqa: F401, PLC0415
        from nodes.observation import events as observation_events  # noqa: F401, PLC0415
        from nodes.observation import section as observation_section  # noqa: F401, PLC0415
        from nodes.registration import attention as registration_attention  # noqa: F401, PLC0415
        from nodes.registration import bulk as registration_bulk  # noqa: F401, PLC0415
        from nodes.registration import events as registration_events  # noqa: F401, PLC0415
        from nodes.registration import jobs as registration_jobs  # noqa: F401, PLC0415
        from nodes.registration import section as registration_section  # noqa: F401, PLC0415
        from nodes.registration import services as registration  # noqa: F401, PLC0415
        from nodes.registration import settings as registration_settings  # noqa: F401, PLC0415
        from nodes.renewal import attention as renewal_attention  # noqa: F401, PLC0415
        from nodes.renewal import bulk as renewal_bulk  # noqa: F401, PLC0415
        from nodes.renewal import events as renewal_events  # noqa: F401, PLC0415
        from nodes.renewal import expiring as renewal_expiring  # noqa: F401, PLC0415
        from nodes.renewal import jobs as renewal_jobs  # noqa: F401, PLC0415
        from nodes.renewal import section as renewal_section  # noqa: F401, PLC0415
        from nodes.renewal import services as renewal  # noqa: F401, PLC0415
        from nodes.revocation import attention as revocation_attention  # noqa: F401, PLC0415
        from nodes.revocation import section as revocation_section  # noqa: F401, PLC0415
        from nodes.rotations import attention as rotations_attention  # noqa: F401, PLC0415
        from nodes.rotations import database_key as key_rotation  # noqa: F401, PLC0415
        from nodes.rotations import events as rotations_events  # noqa: F401, PLC0415
        from nodes.rotations import jobs as rotations_jobs  # noqa: F401, PLC0415
        from nodes.rotations import root as root_rotation  # noqa: F401, PLC0415
        from nodes.rotations import section as rotations_section  # noqa: F401, PLC0415
