"""Roles in the REST API."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from people.roles.registry import ROLES, Role
from people.roles.rules import role_states, second_factor_require
from web.api import Input, StrictText, View, operation


class RolesInput(Input):
    second_factor = serializers.ListField(
        child=StrictText(), max_length=len(Role), help_text="all roles that require a second factor from now on"
    )


class RoleStateOutput(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=ROLES)
    second_factor = serializers.BooleanField(help_text="whether it requires one")
    people = serializers.IntegerField(help_text="who can sign in and have this role")
    lacking = serializers.IntegerField(help_text="how many of them have no second factor")


class RolesOutput(serializers.Serializer[Any]):
    roles = RoleStateOutput(many=True)


class Roles(View):
    """The roles, and which of them require a second factor."""

    @operation(RolesOutput)
    def get(self, request: Request) -> Response:
        self.actor.require("people.view_person")
        return Response(_json())

    @operation(RolesOutput, body=RolesInput)
    def put(self, request: Request) -> Response:
        second_factor_require(actor=self.actor, roles=self.body["second_factor"], now=timezone.now())
        return Response(_json())


def _json() -> dict[str, Any]:
    fields = list(RoleStateOutput().get_fields())
    return {"roles": [{name: getattr(state, name) for name in fields} for state in role_states()]}
