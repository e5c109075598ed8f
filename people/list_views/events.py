"""The events of saved views in words."""

from audit.event_lines import wording_register, words_register
from audit.models import Event

words_register({"list-view.removed": ("View of a list removed", "orange")})


@wording_register("list-view.saved", "list-view.changed")
def saved(event: Event) -> tuple[str, str]:
    verb = "saved" if event.action == "list-view.saved" else "changed"
    return f"View of the list {event.detail['list']} {verb}{', for everybody' if event.detail['shared'] else ''}", "blue"
