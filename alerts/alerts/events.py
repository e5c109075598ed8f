"""The events of alerts in words."""

from alerts.models import Alert
from audit.event_lines import wording_register
from audit.models import Event
from audit.object_pages import object_page_register
from pki.core.clocks import parsed, stamp

object_page_register(Alert.objects.all(), "alerts:detail")


@wording_register("alert.acknowledged")
def _acknowledged(event: Event) -> tuple[str, str]:
    until = event.detail["until"]
    return f"Acknowledged{f' until {stamp(parsed(until))}' if until else ''}", "blue"
