"""Wording of the events of second factors."""

from audit.event_lines import wording_register
from audit.models import Event
from web.words import counted


@wording_register("person.factor-added", "person.factor-removed")
def factor(event: Event) -> tuple[str, str]:
    done, color = ("added", "green") if event.action == "person.factor-added" else ("removed", "orange")
    return f"Second factor {done}: {event.detail['kind']} “{event.detail['name']}”", color


@wording_register("person.factor-renamed")
def renamed(event: Event) -> tuple[str, str]:
    return f"Second factor renamed from “{event.detail['name_before']}” to “{event.detail['name']}”", "grey"


@wording_register("person.recovery-codes-made")
def codes_made(event: Event) -> tuple[str, str]:
    return f"{counted(event.detail['codes'], 'recovery code')} made. Earlier ones no longer work", "blue"


@wording_register("person.recovery-code-used")
def code_used(event: Event) -> tuple[str, str]:
    return f"Recovery code used. {event.detail['left']} left", "orange"
