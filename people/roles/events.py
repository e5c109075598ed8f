"""Wording of the events of roles."""

from audit.event_lines import wording_register
from audit.models import Event
from audit.object_pages import object_page_register
from people.models import RoleRule

object_page_register(RoleRule.objects.all(), "people:roles", is_shared=True)


@wording_register("person.role-given")
def given(event: Event) -> tuple[str, str]:
    return f"Role {event.detail['role']} given", "blue"


@wording_register("role.second-factor")
def second_factor(event: Event) -> tuple[str, str]:
    return f"Second factor {'required' if event.detail['required'] else 'no longer required'} of this role", "blue"
