"""Wording of the events of segments."""

from audit.event_lines import wording_register
from audit.models import Event
from audit.retention.states import SegmentStatus

TO = {
    SegmentStatus.WRITTEN: ("{events} written to a file, and verified from it", "green"),
    SegmentStatus.REMOVING: ("Removal of {events} decided", "orange"),
    SegmentStatus.REMOVED: ("{events} removed from the database", "orange"),
    SegmentStatus.FAILED: ("{events} stay in the database: their file does not prove them", "red"),
}


@wording_register("audit.segment_requested", "audit.segment_transition")
def segment(event: Event) -> tuple[str, str]:
    events = f"events {event.detail['first']} to {event.detail['last']}"
    text, color = TO.get(event.detail.get("to"), ("{events} are written to a file", "blue"))
    text = text.format(events=events)
    return f"{text[:1].upper()}{text[1:]}", color
