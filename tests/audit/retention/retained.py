"""A site that removes its old events while its worker is killed at each step. Run by test_retention.py with the environment of an engine.

Each step has a segment of its own. Prints a JSON object: step → whether the log was whole after the kill, and after another worker finished the
work; the status; whether the file has exactly the events that the database has no more.
"""

import io
import json
import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from audit import verify  # noqa: E402
from audit.actors import Actor  # noqa: E402
from audit.checkpoints import services as checkpoints  # noqa: E402
from audit.checkpoints.file import public_key_file  # noqa: E402
from audit.checkpoints.look import log_verify  # noqa: E402
from audit.models import Event, Segment  # noqa: E402
from audit.record import record  # noqa: E402
from audit.retention import files, services, worker  # noqa: E402
from certs.models import TrustZone  # noqa: E402
from jobs.models import Job  # noqa: E402
from jobs.registry import Retry  # noqa: E402

EVENTS, BATCH = 7, 3
# What is removed with the events of each step: where the worker is killed, before the call of this number.
WRITE: dict[str, tuple[Any, str, int]] = {
    "before the file": (worker, "segment_write", 1),
    "while the file is written": (files.os, "fsync", 1),
    "when the file has its name": (files, "sync_folder", 1),
    "before the file is verified": (worker, "segment_verify", 1),
    "before it is recorded": (worker, "segment_transition", 1),
}
REMOVE: dict[str, tuple[Any, str, int]] = {
    "before the file is read again": (worker, "segment_read", 1),
    "before the decision is signed": (checkpoints, "line_append", 1),
    "before the removal is signed": (checkpoints, "line_append", 2),
    "when the line is in the file alone": (checkpoints, "_row_write", 4),
    "when it is signed": (worker, "_remove_batch", 1),
    "after some events": (worker, "_remove_batch", 2),
    "before the last batch is committed": (worker, "segment_transition", 1),
}


class Person:
    def has_perm(self, perm: str) -> bool:
        return True


ANN = Actor("user", "ann", Person())


def advance(segment: Segment) -> None:
    """What workers do, until the job is finished."""
    while job := Job.objects.unfinished().filter(subject=segment.pk).first():
        try:
            worker.segment_advance(job=job)
        except Retry as exc:
            sys.exit(str(exc))


def kill_at(module: Any, name: str, number: int, work: Callable[[], None]) -> None:
    """Do the work in a process of its own, which ends as by kill -9 at this call."""
    connection.close()
    if not (pid := os.fork()):
        original, calls = getattr(module, name), iter(range(1, 1000))

        def killed(*args: Any, **options: Any) -> Any:
            if next(calls) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*args, **options)

        setattr(module, name, killed)
        try:
            work()
        finally:
            os._exit(1)
    if os.waitpid(pid, 0)[1] != signal.SIGKILL:
        sys.exit(f"the worker was not killed at {name}")


def is_whole() -> bool:
    return log_verify().findings == []


def in_file(segment: Segment) -> int:
    """The events that its file proves, 0 if it does not."""
    sys.stdout, out = io.StringIO(), sys.stdout
    code = verify.main([str(files.segment_file(segment)), "--public-key", str(public_key_file())])
    sys.stdout = out
    return segment.last - segment.first + 1 if code == 0 else 0


def retained(step: str) -> list[Any]:
    for number in range(EVENTS):
        record(actor=ANN, action="test", target=TrustZone.objects.get(), detail={"number": number}, now=timezone.now())
    checkpoints.checkpoint_sign(now=timezone.now())
    (segment,) = services.segments_close(actor=ANN, before=timezone.now() + timedelta(days=1), now=timezone.now())
    if step in WRITE:
        kill_at(*WRITE[step], lambda: advance(segment))
    after_kill = is_whole()
    advance(segment)
    segment.refresh_from_db()
    before = Event.objects.order_by("sequence").values_list("sequence", flat=True)[0]
    services.segment_remove(actor=ANN, segment=segment, reason="The law allows it.", now=timezone.now())
    if step in REMOVE:
        kill_at(*REMOVE[step], lambda: advance(segment))
        after_kill = is_whole()
    advance(segment)
    segment.refresh_from_db()
    first = Event.objects.order_by("sequence").values_list("sequence", flat=True)[0]
    return [after_kill, is_whole(), segment.status, before == segment.first, first == segment.last + 1, in_file(segment) == first - before]


worker.BATCH, services.KEPT = BATCH, timedelta(days=-2)
found: dict[str, Any] = {step: retained(step) for step in ["no kill", *WRITE, *REMOVE]}
printed = io.StringIO()
call_command("verify_audit", stdout=printed)
found["verify_audit"] = printed.getvalue()
sys.stdout.write(json.dumps(found))
