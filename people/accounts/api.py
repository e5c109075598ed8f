"""People in the REST API."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from people.accounts.lists import STATES, PersonList, people_shown, person_json
from people.accounts.services import PERMISSION, person_change, person_create, person_factors_reset, person_link, person_sign_out
from people.models import Person
from people.roles.registry import ROLES, Role
from people.sign_in.fresh_sign_in import fresh_sign_in_required
from web.api import Input, StrictText, View, list_query, operation, page_of
from web.secrets import SecretURLField

VIEW = "people.view_person"


class PersonInput(Input):
    username = StrictText()
    roles = serializers.ListField(child=StrictText(), required=False, max_length=len(Role), help_text="names of roles. Default: none")
    service_account = serializers.BooleanField(required=False, help_text="it cannot sign in and has tokens only. Default: false")


class PersonChangeInput(Input):
    roles = serializers.ListField(child=StrictText(), max_length=len(Role), help_text="all its roles from now on")
    active = serializers.BooleanField(help_text="false: the person is signed out, and their tokens are refused")


class PersonOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    username = serializers.CharField()
    roles = serializers.ListField(child=serializers.ChoiceField(choices=ROLES))
    service_account = serializers.BooleanField()
    second_factor = serializers.BooleanField(help_text="whether the sign-in asks for a code or a passkey too")
    state = serializers.ChoiceField(choices=STATES)
    provider_identifier = serializers.CharField(
        help_text="of the identity at the provider that the account is linked with; empty if there is none"
    )
    provider_roles = serializers.ListField(
        child=serializers.ChoiceField(choices=ROLES), help_text="the roles that groups of the provider give"
    )
    last_sign_in_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class PersonCreatedOutput(PersonOutput):
    link = SecretURLField(allow_blank=True, help_text="the one-time link to set the password. No other answer has it")


class LinkOutput(serializers.Serializer[Any]):
    link = SecretURLField(help_text="the one-time link to set the password. No other answer has it")


class FactorsResetOutput(serializers.Serializer[Any]):
    removed = serializers.ListField(child=serializers.CharField(), help_text="the kinds that were removed")


class SignOutOutput(serializers.Serializer[Any]):
    sessions = serializers.IntegerField(help_text="how many sessions ended")


class People(View):
    """The accounts of the site."""

    @operation(page_of(PersonOutput), query=list_query(PersonList), operation_id="people_list")
    def get(self, request: Request) -> Response:
        self.actor.require(VIEW)
        return self.listed(PersonList(), people_shown())

    @operation({201: PersonCreatedOutput}, body=PersonInput)
    def post(self, request: Request) -> Response:
        given = self.body
        person, path = person_create(
            actor=self.actor, username=given["username"], roles=given.get("roles", []), is_service=given.get("service_account", False),
            now=timezone.now(),
        )  # fmt: skip
        link = request.build_absolute_uri(path) if path else ""
        return Response(person_json(_one(person.pk)) | {"link": link}, status=201)


class PersonDetail(View):
    """One account."""

    @operation(PersonOutput)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require(VIEW)
        return Response(person_json(_one(pk)))

    @operation(PersonOutput, body=PersonChangeInput, partial=True)
    def patch(self, request: Request, pk: uuid.UUID) -> Response:
        given = self.body
        person_change(actor=self.actor, person=_one(pk), roles=given.get("roles"), is_active=given.get("active"), now=timezone.now())
        return Response(person_json(_one(pk)))


class PersonLink(View):
    """Another one-time link for a person. The earlier one ends."""

    @operation({201: LinkOutput})
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        path = person_link(actor=self.actor, person=_one(pk), now=timezone.now())
        return Response({"link": request.build_absolute_uri(path)}, status=201)


class PersonSecondFactors(View):
    """Remove all second factors of a person, who has lost them. All sessions of this person end. A session is asked for a fresh sign-in first."""

    @operation(FactorsResetOutput)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require(PERMISSION)
        if not request.auth:
            fresh_sign_in_required(request._request)
        return Response({"removed": person_factors_reset(actor=self.actor, person=_one(pk), now=timezone.now())})


class PersonSignOut(View):
    """End all sessions of a person. Tokens stay."""

    @operation(SignOutOutput)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        return Response({"sessions": person_sign_out(actor=self.actor, person=_one(pk), now=timezone.now())})


def _one(pk: uuid.UUID) -> Person:
    """Raises: Http404."""
    return get_object_or_404(people_shown(), pk=pk)
