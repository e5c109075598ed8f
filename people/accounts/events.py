"""Wording of the events of accounts."""

from audit.event_lines import wording_register, words_register
from audit.models import Event
from audit.object_pages import object_page_register
from people.models import Person
from web.words import counted, listed

object_page_register(Person.objects.all(), "people:person")

words_register(
    {
        "person.link-made": ("One-time link made", "blue"),
        "person.password-set": ("Password set", "blue"),
    }
)


@wording_register("person.created")
def created(event: Event) -> tuple[str, str]:
    return f"Account created with {listed(event.detail['roles']) or 'no role'}", "green"


@wording_register("person.changed")
def changed(event: Event) -> tuple[str, str]:
    detail, changes = event.detail, []
    if "roles" in detail:
        changes.append(f"Roles changed from {listed(detail['roles_before']) or 'none'} to {listed(detail['roles']) or 'none'}")
    if "is_active" in detail:
        changes.append("Account activated" if detail["is_active"] else "Account deactivated")
    return ". ".join(changes) or "Account changed", "blue"


@wording_register("person.signed-out")
def signed_out(event: Event) -> tuple[str, str]:
    if ended := event.detail.get("ended"):
        return {"idle": "Session ended after a time without activity", "longest": "Session ended after its longest time"}[ended], "grey"
    return f"Signed out: {counted(event.detail['sessions'], 'session')} ended", "grey"


@wording_register("person.second-factors-reset")
def factors_reset(event: Event) -> tuple[str, str]:
    return f"Second factors removed: {listed(event.detail['removed'])}", "orange"


@wording_register("administrator.created", "administrator.reset")
def administrator(event: Event) -> tuple[str, str]:
    if event.action == "administrator.created":
        return f"Administrator {event.detail['name']} created", "green"
    return f"Password of the administrator {event.detail['name']} reset", "orange"
