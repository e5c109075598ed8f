"""The provider in the REST API. The client secret is accepted and never returned."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from people.accounts.api import PersonOutput
from people.accounts.lists import people_shown, person_json
from people.provider.links import link_by_administrator, link_remove
from people.provider.models import IdentityProvider, provider_current
from people.provider.services import (
    LONGEST_AUTHORITIES,
    LONGEST_GROUP,
    MOST_HOSTS,
    MOST_ROLES,
    MOST_SCOPES,
    PERMISSION,
    SETTINGS,
    provider_save,
)
from people.roles.registry import ROLES
from web.api import Choice, Input, StrictText, View, operation


class GroupRoleInput(Input):
    group = StrictText(max_length=LONGEST_GROUP)
    role = Choice(ROLES)


class GroupRoleOutput(serializers.Serializer[Any]):
    group = serializers.CharField()
    role = serializers.ChoiceField(choices=ROLES)


class IdentityProviderInput(Input):
    """Omitted fields keep their value."""

    name = StrictText(required=False, help_text="the sign-in page shows it")
    issuer = StrictText(required=False)
    client_id = StrictText(required=False)
    client_secret = StrictText(required=False, write_only=True)
    scopes = serializers.ListField(child=StrictText(), max_length=MOST_SCOPES, required=False)
    name_claim = StrictText(required=False, help_text="the claim with the user name")
    groups_claim = StrictText(required=False, help_text="the claim with the groups")
    roles = serializers.ListField(child=GroupRoleInput(), required=False, max_length=MOST_ROLES)
    further_hosts = serializers.ListField(
        child=StrictText(), max_length=MOST_HOSTS, required=False, help_text="of the provider, beside the host of the issuer"
    )
    authorities = StrictText(max_length=LONGEST_AUTHORITIES, required=False, help_text="CA certificates in PEM")
    creates_people = serializers.BooleanField(required=False)
    checks_second_factor = serializers.BooleanField(required=False)
    local_for_root_admins_only = serializers.BooleanField(required=False, help_text="whether all others sign in with the provider only")
    enabled = serializers.BooleanField(required=False, help_text="whether the sign-in page offers it")


class IdentityProviderOutput(serializers.Serializer[Any]):
    name = serializers.CharField()
    issuer = serializers.CharField(help_text="empty until a provider is saved")
    client_id = serializers.CharField()
    client_secret_set = serializers.BooleanField()
    scopes = serializers.ListField(child=serializers.CharField())
    name_claim = serializers.CharField()
    groups_claim = serializers.CharField()
    roles = GroupRoleOutput(many=True)
    further_hosts = serializers.ListField(child=serializers.CharField())
    authorities = serializers.CharField()
    creates_people = serializers.BooleanField()
    checks_second_factor = serializers.BooleanField()
    local_for_root_admins_only = serializers.BooleanField()
    enabled = serializers.BooleanField()
    changed_at = serializers.DateTimeField(allow_null=True)


def provider_json(row: IdentityProvider) -> dict[str, Any]:
    shown = {name: getattr(row, name) for name in (*SETTINGS, "changed_at")}
    return shown | {"client_secret_set": row.client_secret is not None}


class IdentityProviderSetting(View):
    """The provider with which people sign in by OpenID Connect."""

    @operation(IdentityProviderOutput)
    def get(self, request: Request) -> Response:
        self.actor.require(PERMISSION)
        return Response(provider_json(provider_current() or IdentityProvider()))

    @operation(IdentityProviderOutput, body=IdentityProviderInput)
    def put(self, request: Request) -> Response:
        return Response(provider_json(provider_save(actor=self.actor, now=timezone.now(), **self.body)))


class PersonProviderInput(Input):
    identifier = StrictText(help_text="the claim sub of the person")


class PersonProvider(View):
    """The link of a person with the identity at the provider."""

    @operation(PersonOutput, body=PersonProviderInput)
    def put(self, request: Request, pk: uuid.UUID) -> Response:
        person = get_object_or_404(people_shown(), pk=pk)
        link_by_administrator(actor=self.actor, person=person, now=timezone.now(), **self.body)
        return Response(person_json(get_object_or_404(people_shown(), pk=pk)))

    @operation({204: None})
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        link_remove(actor=self.actor, person=get_object_or_404(people_shown(), pk=pk), now=timezone.now())
        return Response(status=204)
