"""Write steps of histories: their rows and their events, a transaction for each batch."""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models, transaction

from audit.models import Event, Head
from pki.evidence.events import digest_of

BATCH = 1000


@dataclass(frozen=True)
class SeededEvent:
    """One event, without its place in the log."""

    actor: str
    action: str
    target: tuple[str, uuid.UUID, str]  # type, id and label
    detail: dict[str, Any]


@dataclass(frozen=True)
class Step:
    """What the product wrote at one time."""

    at: datetime
    events: tuple[SeededEvent, ...]
    rows: tuple[models.Model, ...] = ()


def target_of(row: models.Model) -> tuple[str, uuid.UUID, str]:
    return row._meta.label_lower, row.pk, str(row)[:200]


class Log:
    """Appends steps to the log, without its first `left_out` events."""

    def __init__(self, left_out: int) -> None:
        self.left_out = left_out
        head = Head.objects.get(pk=1)
        self.sequence, self.digest = head.sequence, head.digest
        self.events: list[Event] = []
        self.rows: dict[type[models.Model], list[models.Model]] = defaultdict(list)

    def write(self, steps: Iterable[Step]) -> None:
        waiting = 0
        for step in steps:
            for seeded in step.events:
                self._append(seeded, step.at)
            for row in step.rows:
                self.rows[type(row)].append(row)
            waiting += len(step.events) + len(step.rows)
            if waiting >= BATCH:
                self.flush()
                waiting = 0
        self.flush()

    def _append(self, seeded: SeededEvent, at: datetime) -> None:
        if self.left_out:
            self.left_out -= 1
            return
        kind, pk, label = seeded.target
        self.sequence += 1
        event = Event(
            sequence=self.sequence, at=at, actor=seeded.actor, action=seeded.action, target_type=kind, target_id=pk, target_label=label,
            detail=seeded.detail, previous=self.digest,
        )  # fmt: skip
        event.digest = self.digest = digest_of(event)
        self.events.append(event)

    def flush(self) -> None:
        with transaction.atomic():
            for model, rows in self.rows.items():
                model._base_manager.bulk_create(rows)
            Event.objects.bulk_create(self.events)
            Head.objects.filter(pk=1).update(sequence=self.sequence, digest=self.digest)
        self.events.clear()
        self.rows.clear()
