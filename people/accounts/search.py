"""People as things that can be found: by user name."""

from collections.abc import Iterator

from django.urls import reverse

from audit.actors import Actor
from people.models import Person
from web.search import MOST_OF_KIND, Found, beginning, search_register


@search_register("People", icon="users", permission="people.view_person")
def people(text: str, actor: Actor) -> Iterator[Found]:
    wanted = beginning("user__username", text) | beginning("user__username", text.lower())
    for person in Person.objects.filter(wanted).select_related("user").order_by("user__username")[:MOST_OF_KIND]:
        yield Found(str(person), "service account" if person.is_service else "person", reverse("people:person", args=[person.pk]))
