"""Send changes of state to webhooks, and the checkpoints of the audit log: each once, in the order of the log.

`Channel.sending_sequence` is committed before an event is sent, and `Channel.last_sequence` afterwards. If a worker is terminated in between, the
next one finds `sending_sequence` and sends the event again, with the same id and marked as a possible repeat. Checkpoints have two columns of their own.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db.models import QuerySet
from django.utils import timezone

from alerts.channels.kinds import Outgoing
from alerts.channels.models import Channel
from alerts.channels.pauses import channel_failed, channel_succeeded, pause
from alerts.channels.sending import send
from alerts.channels.services import CHECKPOINTS
from alerts.errors import NotSent
from alerts.state_changes.events import changes_after
from attention.needs import Severity
from audit.actors import SYSTEM
from audit.event_lines import line
from audit.models import Checkpoint, Event, Head
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
        if _next(channel):
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


@handles(TASK, kept=False)
def channel_advance(*, job: Job) -> None:
    """Send the changes of state that a channel has not received yet, for some seconds. Raises: Retry while the channel fails."""
    until = time.monotonic() + BEGINS_WITHIN_S
    while following := _next(channel := Channel.objects.filter(pk=job.subject, enabled=True).first()):
        assert channel is not None
        now = timezone.now()
        if left := pause(channel, now):
            raise Retry(f"The channel is tried again later. {channel.last_error}", after=min(left, LOOK_AGAIN))
        if time.monotonic() > until or not _send(channel, following):
            return job_again(job=job, at=timezone.now())
    return job_finish(job=job, outcome=Job.Outcome.DONE, now=timezone.now())


@dataclass(frozen=True)
class Following:
    """What is sent next: `number` is that of an event or a checkpoint, and `cursor` says which. `message` makes it, or its repeat."""

    cursor: str
    number: int
    message: Callable[[bool], Outgoing]

    @property
    def last(self) -> str:
        return f"last_{self.cursor}"

    @property
    def sending(self) -> str:
        return f"sending_{self.cursor}"


def _next(channel: Channel | None) -> Following | None:
    """Checkpoints follow the changes of state that wait."""
    if channel is None:
        return None
    if event := changes_after(channel.last_sequence, channel.state_changes).first():
        return Following("sequence", event.sequence, partial(_outgoing, event))
    checkpoints = Checkpoint.objects.signed().filter(number__gt=channel.last_checkpoint)
    if CHECKPOINTS in channel.state_changes and (checkpoint := checkpoints.first()):
        return Following("checkpoint", checkpoint.number, partial(_outgoing_checkpoint, checkpoint))
    return None


def _as_read(channel: Channel) -> QuerySet[Channel]:
    """The channel, if no other worker has sent or taken anything since it was read."""
    cursors = ("last_sequence", "sending_sequence", "last_checkpoint", "sending_checkpoint")
    return Channel.objects.filter(pk=channel.pk, **{name: getattr(channel, name) for name in cursors})


def _send(channel: Channel, following: Following) -> bool:
    """Send one message. False if another worker works on the channel too: the other one continues."""
    is_repeat = getattr(channel, following.sending) == following.number
    message = following.message(is_repeat)
    if not _as_read(channel).update(**{following.sending: following.number}):
        return False
    setattr(channel, following.sending, following.number)
    try:
        send(channel, message)
    except NotSent as exc:
        if not (is_repeat or exc.may_have_arrived):
            _as_read(channel).update(**{following.sending: None})
        channel_failed(channel, exc, timezone.now())
        return True
    if not _as_read(channel).update(**{following.last: following.number, following.sending: None}):
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


def _outgoing_checkpoint(checkpoint: Checkpoint, is_repeat: bool) -> Outgoing:
    """The checkpoint as the file of checkpoints has it."""
    data = {"number": checkpoint.number, "sequence": checkpoint.sequence, "digest": checkpoint.digest, "line": checkpoint.line}
    title = f"Checkpoint {checkpoint.number} of the audit log, after event {checkpoint.sequence}"
    subject, event_id = f"audit.checkpoint/{checkpoint.number}", uuid.uuid5(uuid.NAMESPACE_OID, checkpoint.line)
    return Outgoing(event_id, "audit.checkpoint", checkpoint.at, Severity.INFO, subject, title, "", "", data, is_repeat)
