"""The Celery application."""

import os

from celery import Celery

from qmc import broker  # noqa: F401  (names the embedded broker's transport)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "qmc.settings")
app = Celery("qmc")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
