"""The qmc app."""

from django.apps import AppConfig


class QmcConfig(AppConfig):
    name = "qmc"
    default_auto_field = "django.db.models.BigAutoField"
