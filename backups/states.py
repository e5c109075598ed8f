"""The states of a backup that was asked for."""

from django.db.models import TextChoices


class BackupState(TextChoices):
    WAITING = "waiting"
    WRITING = "writing"
    VERIFYING = "verifying"
    MADE = "made"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REMOVED = "removed"


S = BackupState
UNDER_WAY = (S.WAITING, S.WRITING, S.VERIFYING)
# A worker that takes over from one that was killed begins the file again.
TRANSITIONS: dict[BackupState, frozenset[BackupState]] = {
    S.WAITING: frozenset({S.WRITING, S.FAILED, S.CANCELLED}),
    S.WRITING: frozenset({S.WRITING, S.VERIFYING, S.FAILED, S.CANCELLED}),
    S.VERIFYING: frozenset({S.WRITING, S.MADE, S.FAILED}),
    S.MADE: frozenset({S.REMOVED}),
    S.FAILED: frozenset(),
    S.CANCELLED: frozenset(),
    S.REMOVED: frozenset(),
}
