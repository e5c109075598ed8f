"""Settings, server, sign-in and overview. Loads Celery, so that shared tasks find their app."""

from qmc.celery import app

__all__ = ["app"]
