"""The Celery application."""

import gc
import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, worker_init, worker_ready

from pki.lint import prepare_linter
from qmc import broker  # noqa: F401  (names the embedded broker's transport)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "qmc.settings")
app = Celery("qmc")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def require_database(**_: Any) -> None:
    """A worker does not start on a database that it could not work on."""
    from qmc.services.database import DatabaseRefused, database_require  # noqa: PLC0415  (the models are not loaded yet when this module is)

    try:
        database_require()
    except DatabaseRefused as exc:
        raise SystemExit(str(exc)) from exc


@worker_init.connect
@beat_init.connect
def prepare(**_: Any) -> None:
    from qmc.data_directory import data_directory_prepare  # noqa: PLC0415  (settings are not loaded yet when this module is)

    data_directory_prepare()


@worker_ready.connect
def settle(**_: Any) -> None:
    """What lives as long as the worker is left out of garbage collection, which would hold every registration up for 60 ms."""
    prepare_linter()
    gc.collect()
    gc.freeze()
