"""Wording of the events of syslog receivers."""

from audit.event_lines import wording_register, words_register
from audit.models import Event, Outcome, SyslogReceiver
from audit.object_pages import object_page_register
from web.words import listed

object_page_register(SyslogReceiver.objects.all(), "syslog:receiver")
words_register({"syslog.deleted": ("Syslog receiver deleted", "grey")})
FIELDS = {"ca": "CA certificates", "enabled": "on or off"}


@wording_register("syslog.created")
def created(event: Event) -> tuple[str, str]:
    begins = f"the events after {event.detail['after']}" if event.detail["after"] else "all events"
    return f"Syslog receiver added: {event.detail['host']}, port {event.detail['port']}, gets {begins}", "green"


@wording_register("syslog.changed")
def changed(event: Event) -> tuple[str, str]:
    return f"Syslog receiver changed: {listed([FIELDS.get(name, name) for name in event.detail['fields']])}", "blue"


@wording_register("syslog.tested")
def tested(event: Event) -> tuple[str, str]:
    return ("Test message taken", "green") if event.outcome == Outcome.DONE else ("Test message not taken", "red")
