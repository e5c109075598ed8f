"""Addresses of monitoring: on the console's port, and on a port of its own."""

from django.urls import path

from qmc.health import pages as health
from qmc.metrics import pages

urlpatterns = [
    path("metrics", pages.metrics, name="metrics"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
