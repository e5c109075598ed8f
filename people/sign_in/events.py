"""Wording of the events of sign-ins."""

from audit.event_lines import wording_register
from audit.models import Event, Outcome
from web.words import listed


@wording_register("person.sign-in")
def sign_in(event: Event) -> tuple[str, str]:
    means = listed(event.detail.get("means", []))
    if event.outcome == Outcome.DONE:
        return f"Signed in with {means or 'nothing that is known'}", "green"
    if "code" in event.detail:
        return f"Sign-in {event.outcome}: {event.detail['code'].replace('-', ' ')}", "red"
    if event.outcome == Outcome.FAILED:
        return f"Sign-in failed: wrong {means}", "red"
    return "Sign-in refused after too many wrong passwords or codes", "red"


@wording_register("permission.refused")
def refused(event: Event) -> tuple[str, str]:
    return (
        f"Refused, because the permission {event.detail['permission']} is missing: {event.detail['method']} {event.detail['path']}",
        "red",
    )
