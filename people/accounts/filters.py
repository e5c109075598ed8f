"""The filters of the list of people."""

from people.models import Person
from people.roles.registry import ROLES
from web.lists.filters import Choice, ListFilter, Search


class PersonFilter(ListFilter):
    search = Search("user__username")
    role = Choice("Role", [(role, role) for role in ROLES], empty="all", field_name="user__groups__name")

    class Meta:
        model = Person
        fields: list[str] = []
