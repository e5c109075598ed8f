"""Lines of the log have the ids of the request, of the calling node and of the job."""

import json
import logging
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audit.request import node_use, request_began
from jobs.models import Job
from jobs.registry import Retry, _handlers
from jobs.services import job_create
from jobs.tasks import run
from qmc.log_format import ConsoleJsonLines

log = logging.getLogger("tests.log_format")
Lines = list[dict[str, Any]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What is logged, as it is written."""
    found: Lines = []
    handler = logging.Handler()
    handler.setFormatter(ConsoleJsonLines())
    handler.emit = lambda record: found.append(json.loads(handler.format(record)))  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    yield found
    logging.getLogger().removeHandler(handler)


def test_a_request_and_its_node_are_named_and_then_forgotten(lines: Lines) -> None:
    with request_began(id="r1", address_of_client=""):
        node_use(uuid.UUID(int=7))
        log.warning("inside")
    with request_began(id="r2", address_of_client=""):
        log.warning("another one")
    log.warning("outside")
    ids = [{name: line[name] for name in ("request", "node", "job") if name in line} for line in lines]
    assert ids == [{"request": "r1", "node": str(uuid.UUID(int=7))}, {"request": "r2"}, {}]


@pytest.mark.django_db
def test_lines_of_one_request_have_the_id_that_the_answer_has(site_directory: Path, client: Client, lines: Lines) -> None:
    answer = client.get("/nothing/", secure=True)
    assert [line["request"] for line in lines if line["logger"] == "django.request"] == [answer["X-Request-Id"]]


@pytest.mark.django_db
@pytest.mark.parametrize("error", [None, Retry("the node", after=timedelta(0)), ValueError("x")], ids=str)
def test_a_job_is_named_while_a_worker_advances_it(error: Exception | None, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    def advance(*, job: Job) -> None:
        log.warning("a step")
        if error:
            raise error

    monkeypatch.setitem(_handlers, "tests.logged", advance)
    job = job_create(task="tests.logged", subject=uuid.uuid4(), title="Logged", actor="ann", now=timezone.now())
    run()
    log.warning("after it")
    (step, *failure, after) = [line for line in lines if line["logger"] in (log.name, "jobs.tasks")]
    assert (step["job"], step["task"]) == (str(job.pk), "tests.logged")
    assert [line["job"] for line in failure] == [str(job.pk)] * isinstance(error, ValueError)
    assert "job" not in after


def test_an_agent_writes_json_too() -> None:
    code = "import logging; from agent.__main__ import _log_begin; _log_begin(); logging.getLogger('agent').info('a\\nb')"
    environment = {"QMC_LOG_FORMAT": "json", "PATH": ""}
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(ended.stderr)["message"] == "a\nb"
