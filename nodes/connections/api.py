"""Data connections in the REST API. Passwords are accepted and never returned."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from nodes.connections.lists import ConnectionList, connections_json
from nodes.connections.services import connection_change, connection_create, connection_delete
from nodes.models import Connection, ConnectionType
from web.api import Choice, Input, StrictText, View, list_query, operation, page_of


class ConnectionInput(Input):
    """If the password is left out, it stays unchanged; null clears it."""

    name = StrictText()
    type = Choice(ConnectionType.values)
    connection_string = StrictText()
    username = StrictText(required=False)
    password = StrictText(required=False, allow_null=True, write_only=True)


class ConnectionOutput(serializers.Serializer[Any]):
    """A connection in its pinned form, for the schema."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    type = serializers.ChoiceField(choices=ConnectionType.values)
    connection_string = serializers.CharField()
    username = serializers.CharField()
    password_set = serializers.BooleanField()
    password_key_version = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()


def _answer(connection: Connection, status: int = 200) -> Response:
    return Response(connections_json([connection])[0], status=status)


class Connections(View):
    """The data connections."""

    @operation(page_of(ConnectionOutput), query=list_query(ConnectionList), operation_id="connections_list")
    def get(self, request: Request) -> Response:
        self.actor.require("nodes.view_connection")
        return self.listed(ConnectionList(), Connection.objects.all())

    @operation({201: ConnectionOutput}, body=ConnectionInput)
    def post(self, request: Request) -> Response:
        return _answer(connection_create(actor=self.actor, now=timezone.now(), **self.body), 201)


class ConnectionDetail(View):
    """One connection. PUT replaces all fields and PATCH some. A password that is left out stays unchanged, and null clears it."""

    @operation(ConnectionOutput)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require("nodes.view_connection")
        return _answer(get_object_or_404(Connection, pk=pk))

    @operation(ConnectionOutput, body=ConnectionInput)
    def put(self, request: Request, pk: uuid.UUID) -> Response:
        return self._change(pk, {"username": ""} | self.body)

    @operation(ConnectionOutput, body=ConnectionInput, partial=True)
    def patch(self, request: Request, pk: uuid.UUID) -> Response:
        return self._change(pk, self.body)

    def _change(self, pk: uuid.UUID, changes: dict[str, Any]) -> Response:
        connection = get_object_or_404(Connection, pk=pk)
        return _answer(connection_change(actor=self.actor, connection=connection, now=timezone.now(), **changes))

    @operation({204: None})
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        connection_delete(actor=self.actor, connection=get_object_or_404(Connection, pk=pk), now=timezone.now())
        return Response(status=204)
