"""The Celery application."""

import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, worker_init, worker_ready, worker_shutdown
from django.utils import timezone

from jobs.registry import periodic_tasks
from pki.issuing.lint import prepare_linter
from qmc import broker  # noqa: F401  (names the embedded broker's transport)
from qmc.memory import memory_settle
from qmc.monotonic_schedule import every

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "qmc.settings")
app = Celery("qmc")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


def beat_schedule_set() -> None:
    """Beat requests all periodic work that the apps have registered. A request that no worker takes in time expires."""
    app.conf.beat_schedule = {
        periodic_task.name: {
            "task": periodic_task.task, "schedule": every(periodic_task.period.total_seconds()),
            "options": {"expires": min(max(periodic_task.period.total_seconds(), 10), 3600)},
        }
        for periodic_task in periodic_tasks()
    }  # fmt: skip


@worker_init.connect
def require_database(**_: Any) -> None:
    """Refuse to start a worker on a database that it cannot use."""
    from storage.database import DatabaseRefused, database_require  # noqa: PLC0415  (the models are not loaded yet when this module is)

    try:
        database_require()
    except DatabaseRefused as exc:
        raise SystemExit(str(exc)) from exc


@worker_init.connect
@beat_init.connect
def prepare(**_: Any) -> None:
    from storage.data_directory import data_directory_prepare  # noqa: PLC0415  (settings are not loaded yet when this module is)

    data_directory_prepare()


@worker_init.connect
def measure(**_: Any) -> None:
    from qmc.metrics.processes import durations_keep  # noqa: PLC0415  (settings are not loaded yet when this module is)

    durations_keep()


@worker_ready.connect
def settle(**_: Any) -> None:
    prepare_linter()
    memory_settle()


@worker_shutdown.connect
def sign_log(**_: Any) -> None:
    from audit.tasks import sign_at_end  # noqa: PLC0415  (the models are not loaded yet when this module is)

    sign_at_end(now=timezone.now())
