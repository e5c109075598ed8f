"""The states of bulk work and of its items, with one transition table each."""

from django.db.models import TextChoices


class WorkState(TextChoices):
    RUNNING = "running", "in progress"
    CANCELLING = "cancelling", "being cancelled"  # a person cancelled it; its worker ends it before the next item
    CANCELLED = "cancelled", "cancelled"
    FINISHED = "finished", "finished"


class ItemState(TextChoices):
    WAITING = "waiting", "waits"
    DONE = "done", "done"
    REFUSED = "refused", "refused"  # its text says why, and what to do
    FAILED = "failed", "failed"  # unexpected: the log of the worker has the details
    CANCELLED = "cancelled", "cancelled"


W, R = WorkState, ItemState
WORK_TRANSITIONS: dict[WorkState, frozenset[WorkState]] = {
    W.RUNNING: frozenset({W.CANCELLING, W.FINISHED}),
    W.CANCELLING: frozenset({W.CANCELLED}),
    W.CANCELLED: frozenset(),
    W.FINISHED: frozenset(),
}
ITEM_TRANSITIONS: dict[ItemState, frozenset[ItemState]] = {
    R.WAITING: frozenset({R.DONE, R.REFUSED, R.FAILED, R.CANCELLED}),
    R.DONE: frozenset(),
    R.REFUSED: frozenset(),
    R.FAILED: frozenset(),
    R.CANCELLED: frozenset(),
}
UNDER_WAY = [state for state, following in WORK_TRANSITIONS.items() if following]
