"""The list of people, and the format of its rows in the API and in files."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from people.accounts.filters import PersonFilter
from people.accounts.services import roles_of
from people.models import Person
from people.roles.rules import has_factor
from web.lists.declared import Column, List

STATES = ("active", "invited", "deactivated")


@dataclass(frozen=True)
class PersonLine:
    """A row of the list."""

    person: Person
    roles: str
    state: str
    second_factor: str
    last_sign_in: datetime | None


def people_shown() -> QuerySet[Person]:
    """With `has_second_factor`."""
    people = Person.objects.select_related("user").prefetch_related("user__groups", "user__socialaccount_set")
    return people.annotate(has_second_factor=has_factor("user_id"))


def state_of(person: Person) -> str:
    """One of `STATES`."""
    if not person.user.is_active:
        return "deactivated"
    return "active" if person.is_service or person.user.has_usable_password() or identifier_of(person) else "invited"


def identifier_of(person: Person) -> str:
    """The identifier with which the person signs in at the provider, "" if they do not. It uses links that were prefetched."""
    return next((link.uid for link in person.user.socialaccount_set.all()), "")  # type: ignore[attr-defined]  # allauth has no types


def factor_word(person: Person) -> str:
    return "" if person.is_service else "yes" if person.has_second_factor else "no"  # type: ignore[attr-defined]  # of `people_shown`


def person_json(person: Person) -> dict[str, Any]:
    return {
        "id": str(person.pk),
        "username": person.user.get_username(),
        "roles": roles_of(person.user),
        "service_account": person.is_service,
        "second_factor": person.has_second_factor,  # type: ignore[attr-defined]  # of `people_shown`
        "state": state_of(person),
        "provider_identifier": identifier_of(person),
        "provider_roles": person.provider_roles,
        "last_sign_in_at": person.user.last_login,
        "created_at": person.user.date_joined,
    }


class PersonList(List):
    model = Person
    noun, caption = "person", "People"
    empty = "No people."
    filters = PersonFilter
    columns = (
        Column("name", "Name", "people/accounts/cell_name.html", sort="user__username"),
        Column("roles", "Roles", "people/accounts/cell_roles.html"),
        Column("state", "State", "people/accounts/cell_state.html"),
        Column("second_factor", "Second factor"),
        Column("last_sign_in", "Last sign-in", "people/accounts/cell_last_sign_in.html"),
    )
    sort = "name"
    csv = ("id", "username", "roles", "service_account", "second_factor", "state", "last_sign_in_at", "created_at")

    def shown(self, rows: list[Person], now: datetime) -> list[PersonLine]:
        return [
            PersonLine(person, ", ".join(roles_of(person.user)), state_of(person), factor_word(person), person.user.last_login)
            for person in rows
        ]

    def json(self, rows: list[Person], now: datetime) -> list[dict[str, Any]]:
        return [person_json(person) for person in rows]
