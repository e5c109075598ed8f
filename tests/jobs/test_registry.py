"""Names of handlers: every recorded name has one, an unknown name is kept and reported, and older rows are renamed."""

import uuid
from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone

from certs.central_key import services as central_key
from certs.exports import services as exports
from certs.revocation import lists as revocation
from jobs import registry
from jobs.models import Job
from jobs.registry import NameUnknown, PeriodicTask, Retry, handler, handles, periodic_register, periodic_tasks
from jobs.services import job_create
from jobs.tasks import run
from nodes.registration import services as registration
from nodes.renewal import services as renewal
from nodes.rotations import services as rotations
from qmc.celery import app
from qmc.recreation import services as recreate


def job(name: str) -> Job:
    return job_create(task=name, subject=uuid.uuid4(), title="work", actor="anna", now=timezone.now())


def test_every_name_that_work_is_recorded_under_has_a_handler() -> None:
    rooms: list[Any] = [exports, revocation, central_key, registration, renewal, recreate]
    names = {room.TASK for room in rooms} | set(rotations.TASK.values())
    migration = import_module("jobs.migrations.0002_names_of_handlers")
    assert names == set(migration.NAMES.values())
    assert all(callable(handler(name)) for name in names)


def test_a_name_is_registered_once() -> None:
    with pytest.raises(ValueError, match="'renewal' have the handler"):
        handles("renewal")(print)
    with pytest.raises(ValueError, match="'upkeep' is registered already"):
        periodic_register(PeriodicTask("upkeep", "", "", timedelta(1), None))


def test_beat_asks_for_all_registered_work_by_names_that_celery_knows() -> None:
    asked = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert asked == {task.task for task in periodic_tasks()}
    assert asked <= set(app.tasks)


@pytest.mark.django_db
def test_an_unknown_name_is_an_error_with_that_name_and_the_job_stays() -> None:
    with pytest.raises(NameUnknown, match=r"'os\.system'"):
        handler("os.system")
    recorded = job("os.system")
    run()
    recorded.refresh_from_db()
    assert (recorded.outcome, "'os.system'" in recorded.progress, recorded.next_attempt_at > timezone.now()) == ("", True, True)


@pytest.mark.django_db
def test_a_step_that_cannot_be_done_yet_says_what_it_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def waits(*, job: Job) -> None:
        raise Retry("The central node is busy.", after=timedelta(minutes=1))

    monkeypatch.setitem(registry._handlers, "waits", waits)
    recorded = job("waits")
    run()
    recorded.refresh_from_db()
    assert (recorded.outcome, recorded.progress) == ("", "The central node is busy.")
    assert timedelta(seconds=50) < recorded.next_attempt_at - timezone.now() < timedelta(minutes=1)


@pytest.mark.django_db
def test_rows_of_an_older_version_are_renamed() -> None:
    migration = import_module("jobs.migrations.0002_names_of_handlers")
    rows = {before: job(before) for before in migration.NAMES}
    migration.rename(apps, SimpleNamespace(connection=connection))
    assert {before: Job.objects.get(pk=row.pk).task for before, row in rows.items()} == migration.NAMES
