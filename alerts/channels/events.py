"""Wording of the events of channels."""

from alerts.models import Channel
from audit.event_lines import wording_register, words_register
from audit.models import Event
from audit.object_pages import object_page_register

object_page_register(Channel.objects.all(), "alerts:channel")
words_register({"channel.tested": ("Test message requested", "blue")})


@wording_register("channel.created")
def created(event: Event) -> tuple[str, str]:
    changes = event.detail["state_changes"]
    sends = f", which also sends {', '.join(changes)}" if changes else ""
    return f"Channel created ({event.detail['kind']}){sends}", "green"


@wording_register("channel.changed")
def changed(event: Event) -> tuple[str, str]:
    return f"Channel changed: {', '.join(name.replace('_', ' ') for name in event.detail['fields'])}", "blue"


@wording_register("channel.deleted")
def deleted(event: Event) -> tuple[str, str]:
    return f"Channel deleted ({event.detail['kind']})", "grey"
