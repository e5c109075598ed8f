"""The roof: settings, server, sign-in, API frame. Loads Celery, so that shared tasks find their app."""

from qmc.celery import app

__all__ = ["app"]
