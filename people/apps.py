"""The people app: accounts, roles and tokens."""

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "people"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # These register permissions, receivers, periodic work and what expires, and need the models loaded.
        from people.accounts import events as accounts_events  # noqa: F401, PLC0415
        from people.accounts import receivers  # noqa: F401, PLC0415
        from people.accounts import search as accounts_search  # noqa: F401, PLC0415
        from people.factors import adapter  # noqa: F401, PLC0415
        from people.factors import events as factors_events  # noqa: F401, PLC0415
        from people.list_views import events as list_views_events  # noqa: F401, PLC0415
        from people.list_views import memory as list_views_memory  # noqa: F401, PLC0415
        from people.provider import events as provider_events  # noqa: F401, PLC0415
        from people.provider import settings as provider_settings  # noqa: F401, PLC0415
        from people.roles import events as roles_events  # noqa: F401, PLC0415
        from people.roles import permissions  # noqa: F401, PLC0415
        from people.roles import settings as roles_settings  # noqa: F401, PLC0415
        from people.sign_in import events as sign_in_events  # noqa: F401, PLC0415
        from people.sign_in import refusals, sessions, tasks  # noqa: F401, PLC0415
        from people.sign_in import settings as sign_in_settings  # noqa: F401, PLC0415
        from people.tokens import attention  # noqa: F401, PLC0415
        from people.tokens import events as tokens_events  # noqa: F401, PLC0415
        from people.tokens import search as tokens_search  # noqa: F401, PLC0415
