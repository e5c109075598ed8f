"""The web app: the frame of all pages and API views."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "web"

    def ready(self) -> None:
        from web.repeats import tasks  # noqa: F401, PLC0415
