"""Send changes of state to webhooks: each event once, in the order of the audit log.

`Channel.sending_sequence` is committed before an event is sent, and `Channel.last_sequence` afterwards. If a worker is terminated in between, the
next one finds `sending_sequence` and sends the event again, with the same id and marked as a possible repeat.
"""

import time
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from alerts.channels.kinds import Outgoing
from alerts.channels.models import Channel
from alerts.channels.pauses import channel_failed, channel_succeeded, pause
from alerts.channels.sending import send
from alerts.errors import NotSent
from alerts.state_changes.events import changes_after
from attention.needs import Severity
from audit.actors import SYSTEM
from audit.event_lines import line
from audit.models import Event, Head
from audit.retention.services import readers_register
from jobs.models import Job
from jobs.registry import Retry, handles
from jobs.services import job_again, job_create, job_finish

TASK = "alerts.state_changes"
BEGINS_WITHIN_S = 5.0  # the last event of a step begins in this time and takes at most 15 s, so that a step is shorter than its lease
LOOK_AGAIN = timedelta(minutes=1)  # a person can end a pause
FAR = 1000  # events


def state_changes_start(*, now: datetime) -> None:
    """Create a job for each channel that has changes of state to send."""
    head = Head.objects.values_list("sequence", flat=True).first() or 0  # before the search: what is written later is not skipped
    for channel in Channel.objects.filter(enabled=True).exclude(state_changes=[]):
        if changes_after(channel.last_sequence, channel.state_changes).exists():
            if not Job.objects.unfinished().filter(task=TASK, subject=channel.pk).exists():
                job_create(task=TASK, subject=channel.pk, title=f"State changes for {channel.name}"[:200], actor=SYSTEM.label, now=now)
        elif head > channel.last_sequence + FAR:  # so that the next search is short
            _as_read(channel).update(last_sequence=head, sending_sequence=None)


@readers_register
def unsent(last: int) -> str:
    """Which channel has not received the changes of state up to this event."""
    for channel in Channel.objects.filter(enabled=True).exclude(state_changes=[]):
        if changes_after(channel.last_sequence, channel.state_changes).filter(sequence__lte=last).exists():
            return f"The channel {channel.name} has not received their changes of state yet."
    return ""


@handles(TASK)
def channel_advance(*, job: Job) -> None:
    """Send the changes of state that a channel has not received yet, for some seconds. Raises: Retry while the channel fails."""
    until = time.monotonic() + BEGINS_WITHIN_S
    while event := _next(channel := Channel.objects.filter(pk=job.subject, enabled=True).first()):
        assert channel is not None
        now = timezone.now()
        if left := pause(channel, now):
            raise Retry(f"The channel is tried again later. {channel.last_error}", after=min(left, LOOK_AGAIN))
        if time.monotonic() > until or not _send(channel, event):
            return job_again(job=job, at=timezone.now())
    return job_finish(job=job, outcome=Job.Outcome.DONE, now=timezone.now())


def _next(channel: Channel | None) -> Event | None:
    return changes_after(channel.last_sequence, channel.state_changes).first() if channel and channel.state_changes else None


def _as_read(channel: Channel) -> QuerySet[Channel]:
    """The channel, if no other worker has sent or taken an event since it was read."""
    return Channel.objects.filter(pk=channel.pk, last_sequence=channel.last_sequence, sending_sequence=channel.sending_sequence)


def _send(channel: Channel, event: Event) -> bool:
    """Send one event. False if another worker works on the channel too: the other one continues."""
    is_repeat = channel.sending_sequence == event.sequence
    message = _outgoing(event, is_repeat)
    if not _as_read(channel).update(sending_sequence=event.sequence):
        return False
    channel.sending_sequence = event.sequence
    try:
        send(channel, message)
    except NotSent as exc:
        if not (is_repeat or exc.may_have_arrived):
            _as_read(channel).update(sending_sequence=None)
        channel_failed(channel, exc, timezone.now())
        return True
    if not _as_read(channel).update(last_sequence=event.sequence, sending_sequence=None):
        return False
    channel_succeeded(channel, timezone.now())
    return True


def _outgoing(event: Event, is_repeat: bool) -> Outgoing:
    """The event as the API shows it, with its object."""
    data, words = event.content | {"at": event.at.isoformat()}, line(event)
    return Outgoing(
        event.pk, event.action, event.at, Severity.INFO, f"{event.target_type}/{event.target_id}", f"{event.target_label}: {words.text}", words.reason, "",
        data, is_repeat,
    )  # fmt: skip
