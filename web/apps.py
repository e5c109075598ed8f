"""The web app: what every page and API view shares."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "web"
