"""The states of a segment, with their transition table."""

from django.db.models import TextChoices


class SegmentStatus(TextChoices):
    WRITING = "writing"
    WRITTEN = "written"
    REMOVING = "removing"
    REMOVED = "removed"
    FAILED = "failed"


S = SegmentStatus
TRANSITIONS: dict[SegmentStatus, frozenset[SegmentStatus]] = {
    S.WRITING: frozenset({S.WRITTEN, S.FAILED}),
    S.WRITTEN: frozenset({S.REMOVING}),
    S.REMOVING: frozenset({S.REMOVED, S.FAILED}),  # failed: its file was lost or changed before an event was removed
    S.REMOVED: frozenset(),
    S.FAILED: frozenset(),  # the same events can be written again, as another segment
}
