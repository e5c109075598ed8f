"""Send a message to a channel, so that every failure makes the channel wait."""

import logging

from alerts.channels.kinds import Outgoing, kind_named
from alerts.channels.models import Channel
from alerts.channels.services import channel_values
from alerts.errors import NotSent
from pki.core.errors import SealError
from sealing.errors import TrustZoneError

log = logging.getLogger(__name__)


def send(channel: Channel, message: Outgoing) -> None:
    """Raises: NotSent, also for an error that no kind expects, so that the pauses grow."""
    try:
        values = channel_values(channel)
    except (SealError, TrustZoneError) as exc:
        raise NotSent(f"The secrets of this channel cannot be decrypted. {exc} Or enter them again on the page of the channel.") from exc
    try:
        kind_named(channel.kind).send(values, message)
    except NotSent:
        raise
    except Exception as exc:
        log.exception("the channel %s failed unexpectedly", channel.pk)
        raise NotSent(f"An unexpected error occurred ({type(exc).__name__}). The worker's log has it.", may_have_arrived=True) from exc
