"""Tokens in the REST API. The answer to the creation of a token is the only one that has it."""

import uuid
from typing import Any

from django.contrib.auth.models import User
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from people.models import ApiToken, Person
from people.roles.registry import ROLES
from people.sign_in.networks import MOST_NETWORKS
from people.tokens.lists import STATES, TokenList, token_json, tokens_readable
from people.tokens.models import Scope
from people.tokens.services import token_create, token_expiry_set, tokens_revoke
from web.api import Choice, Input, Query, StrictText, View, list_query, operation, page_of
from web.errors import InputInvalid
from web.secrets import SecretField


class ApiTokenInput(Input):
    name = StrictText()
    owner = serializers.UUIDField(required=False, help_text="the id of a service account. Default: your own account")
    role = Choice(ROLES, required=False, help_text="a role of the account. Default: all its roles")
    scopes = serializers.ListField(child=Choice(Scope.values), required=False, max_length=len(Scope), help_text="default: read and write")
    addresses = serializers.ListField(
        child=StrictText(), required=False, max_length=MOST_NETWORKS, help_text="IP addresses or networks that may use it. Default: all"
    )
    expires_at = serializers.DateTimeField(required=False, help_text="default: in 90 days")


class ApiTokenChangeInput(Input):
    expires_at = serializers.DateTimeField(help_text="earlier than now set, or any if it never expires")


class RevokeQuery(Query):
    also_created = serializers.BooleanField(required=False, default=False, help_text="also revoke the tokens that were made with it")


class ApiTokenOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    owner = serializers.UUIDField()
    owner_name = serializers.CharField()
    role = serializers.ChoiceField(choices=ROLES, allow_blank=True, help_text="empty: all roles of its owner")
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.values))
    addresses = serializers.ListField(child=serializers.CharField())
    state = serializers.ChoiceField(choices=STATES)
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    last_used_from = serializers.CharField()


class ApiTokenCreatedOutput(ApiTokenOutput):
    token = SecretField(help_text="the token itself. No other answer has it")


class ApiTokenDetailOutput(ApiTokenOutput):
    created_tokens = serializers.ListField(child=serializers.UUIDField(), help_text="tokens that were made with it and still work")


class Tokens(View):
    """Your own tokens. With the permission for tokens of others: all tokens."""

    @operation(page_of(ApiTokenOutput), query=list_query(TokenList), operation_id="tokens_list")
    def get(self, request: Request) -> Response:
        return self.listed(TokenList(), tokens_readable(self.actor))

    @operation({201: ApiTokenCreatedOutput}, body=ApiTokenInput)
    def post(self, request: Request) -> Response:
        now, given = timezone.now(), self.body
        owner = _owner(given.pop("owner", None), request.user)
        row, token = token_create(actor=self.actor, owner=owner, made_with=request.auth, now=now, **given)  # type: ignore[arg-type]
        return Response(token_json(row, now) | {"token": token}, status=201)


class TokenDetail(View):
    """One token."""

    @operation(ApiTokenDetailOutput)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        return _detail(get_object_or_404(tokens_readable(self.actor), pk=pk))

    @operation(ApiTokenDetailOutput, body=ApiTokenChangeInput)
    def patch(self, request: Request, pk: uuid.UUID) -> Response:
        token = get_object_or_404(tokens_readable(self.actor), pk=pk)
        return _detail(token_expiry_set(actor=self.actor, token=token, expires_at=self.body["expires_at"], now=timezone.now()))

    @operation({204: None}, query=RevokeQuery)
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        token = get_object_or_404(tokens_readable(self.actor), pk=pk)
        tokens_revoke(actor=self.actor, tokens=[token], also_created=self.query["also_created"], now=timezone.now())
        return Response(status=204)


def _detail(token: ApiToken) -> Response:
    created = ApiToken.objects.usable().filter(created_with=token).values_list("pk", flat=True)
    return Response(token_json(token, timezone.now()) | {"created_tokens": [str(one) for one in created]})


def _owner(given: uuid.UUID | None, asking: Any) -> User:
    """Raises: InputInvalid if there is no such account."""
    if given is None:
        return asking  # type: ignore[no-any-return]
    person = Person.objects.select_related("user").filter(pk=given).first()
    if person is None:
        raise InputInvalid({"owner": ["There is no account with this id. GET /people/ lists them."]})
    return person.user
