"""Bulk work in the REST API."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from bulk.actions import Action, action_of_list
from bulk.lists import BulkItemList
from bulk.models import BulkItem, BulkWork
from bulk.selection import in_api
from bulk.services import MOST, Preview, bulk_begin, bulk_cancel, bulk_preview, has_secrets, secrets_take
from bulk.states import ItemState, WorkState
from people.sign_in.fresh_sign_in import fresh_sign_in_required
from web.api import Input, StrictText, View, list_query, operation, page_of
from web.errors import InputInvalid
from web.reasons import ReasonField
from web.secrets import SecretField

PLAIN = ("action", "title", "parameters", "state", "total", "created_at", "finished_at")


class BulkInput(Input):
    action = StrictText(help_text="such as nodes.renew; docs/api.md lists them")
    ids = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=MOST)
    filter = serializers.DictField(
        child=StrictText(allow_blank=True), required=False, help_text="instead of ids: filters of the list of the action, with their values"
    )
    parameters = serializers.DictField(required=False, help_text="what the action needs for all rows")
    preview = serializers.BooleanField(default=False, help_text="only say what would happen")


class BulkRefusedOutput(serializers.Serializer[Any]):
    """Rows to which an action cannot be done."""

    reason = serializers.CharField(help_text="why, and what to do first")
    ids = serializers.ListField(child=serializers.UUIDField())


class BulkPreviewOutput(serializers.Serializer[Any]):
    """What an action would do."""

    title = serializers.CharField()
    total = serializers.IntegerField()
    possible = serializers.IntegerField()
    refused = BulkRefusedOutput(many=True)


class BulkWorkOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    action = serializers.CharField()
    title = serializers.CharField()
    parameters = serializers.DictField()
    state = serializers.ChoiceField(choices=WorkState.values)
    total = serializers.IntegerField(help_text="the number of its rows")
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="the number of rows in each state")
    begun_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    has_secrets = serializers.BooleanField(help_text="its secrets, such as passwords, wait to be shown once")


class BulkItemOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    subject = serializers.UUIDField(allow_null=True, help_text="the object")
    number = serializers.IntegerField()
    label = serializers.CharField()  # type: ignore[assignment]  # the metaclass takes it out of the class
    state = serializers.ChoiceField(choices=ItemState.values)
    text = ReasonField(help_text="the result, or why it was not done and what to do")
    ended_at = serializers.DateTimeField(allow_null=True)


class BulkSecretOutput(serializers.Serializer[Any]):
    subject = serializers.UUIDField(allow_null=True)
    label = serializers.CharField()  # type: ignore[assignment]  # the metaclass takes it out of the class
    secret = SecretField()


class BulkSecretsOutput(serializers.Serializer[Any]):
    results = BulkSecretOutput(many=True)


def work_json(work: BulkWork) -> dict[str, Any]:
    counts = work.counts()
    return {
        "id": str(work.pk), **{name: getattr(work, name) for name in PLAIN}, "begun_by": work.actor,
        "counts": {state.value: counts[state] for state in ItemState}, "has_secrets": has_secrets(work),
    }  # fmt: skip


def _preview_json(preview: Preview) -> dict[str, Any]:
    refused = [{"reason": reason, "ids": [str(row.subject) for row in rows]} for reason, rows in preview.refused.items()]
    possible = len(preview.possible)
    return {"title": preview.action.title(possible), "total": len(preview.rows), "possible": possible, "refused": refused}


class Bulk(View):
    """Do one action to many rows. Rows to which it cannot be done are refused, with the reason; the others are done by a worker."""

    @operation({200: BulkPreviewOutput, 202: BulkWorkOutput}, body=BulkInput, conflicts=True, finds=True)
    def post(self, request: Request) -> Response:
        body, now = self.body, timezone.now()
        action = action_of_list(body["action"])
        self.actor.require(action.permission)
        preview = bulk_preview(actor=self.actor, action=action, subjects=self._subjects(action), now=now)
        parameters = self._parameters(action)
        if body["preview"]:
            return Response(_preview_json(preview))
        asked = self.request_key or uuid.uuid4()
        work = bulk_begin(actor=self.actor, action=action, items=preview.items(), parameters=parameters, request=asked, now=now)
        return Response(work_json(work), status=202)

    def _subjects(self, action: Action) -> list[uuid.UUID]:
        """Raises: InputInvalid."""
        if ("ids" in self.body) == ("filter" in self.body):
            raise InputInvalid({"ids": ["Give either ids or filter."]})
        return self.body["ids"] if "ids" in self.body else in_api(action, self.body["filter"], now=timezone.now())

    def _parameters(self, action: Action) -> dict[str, Any]:
        """Raises: InputInvalid."""
        given = self.body.get("parameters", {})
        form = action.form(given)
        wrong = {f"parameters.{name}"[:64]: ["This action has no such parameter."] for name in given if name not in form.fields}
        if not form.is_valid():
            wrong |= {f"parameters.{name}": [str(text) for text in texts] for name, texts in form.errors.items()}
        if wrong:
            raise InputInvalid(wrong)
        return form.parameters()


class BulkDetail(View):
    """One action on many rows, with the number of rows in each state."""

    @operation(BulkWorkOutput)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require("bulk.view_bulkwork")
        return Response(work_json(get_object_or_404(BulkWork, pk=pk)))


class BulkItems(View):
    """The rows of the work, each with its result."""

    @operation(page_of(BulkItemOutput), query=list_query(BulkItemList))
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require("bulk.view_bulkwork")
        work = get_object_or_404(BulkWork, pk=pk)
        return self.listed(BulkItemList(work), BulkItem.objects.filter(work=work).defer("sealed_secret", "payload"))


class BulkCancel(View):
    """Do the action to no further row. What was done stays."""

    @operation({202: BulkWorkOutput}, conflicts=True)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        work = get_object_or_404(BulkWork, pk=pk)
        bulk_cancel(actor=self.actor, work=work, now=timezone.now())
        return Response(work_json(work), status=202)


class BulkSecrets(View):
    """The secrets of all rows, such as new passwords, once: they are deleted with this answer. Only who began the work gets them."""

    @operation(BulkSecretsOutput, conflicts=True)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        work = get_object_or_404(BulkWork, pk=pk)
        if not request.auth:
            fresh_sign_in_required(request._request)
        found = secrets_take(actor=self.actor, work=work, now=timezone.now())
        results = [
            {"subject": str(item.subject) if item.subject else None, "label": item.label, "secret": secret} for item, secret in found
        ]
        return Response({"results": results}, headers={"Cache-Control": "no-store"})
