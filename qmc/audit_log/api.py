"""The audit log in the REST API."""

from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from audit.chain import last_place
from audit.listing import LARGEST_SEQUENCE, EventFilter, events_page
from audit.models import CheckpointKey, Outcome
from audit.reasons import may_read_reasons, without
from audit.request import CredentialKind
from qmc.audit_log.exports import JSON_LINES, KINDS, range_answer, selection_answer
from qmc.audit_log.view_models import log_status
from web.api import LARGEST_PAGE, Choice, Query, View, operation, page_of
from web.lists.declared import PAGE_SIZE
from web.reasons import ReasonField, ReasonListField


class AuditFilters(Query):
    """Which events."""

    actor = serializers.CharField(required=False, max_length=200, help_text="who acted: the exact name")
    action = serializers.CharField(required=False, max_length=80, help_text="the exact name, such as node.created")
    target = serializers.CharField(required=False, max_length=200, help_text="the id of an object, or its exact name at that time")
    since = serializers.DateTimeField(required=False, help_text="events at this time or later")
    until = serializers.DateTimeField(required=False, help_text="events before this time")
    search = serializers.CharField(
        required=False, max_length=200, help_text="a part of actor, action, name of the target, outcome or detail"
    )
    outcome = Choice(Outcome.values, required=False)
    request_id = serializers.CharField(required=False, max_length=40, help_text="the events of one request")


class AuditQuery(AuditFilters):
    """The filters. `cursor` is a sequence number, because this list is as long as the log and has no page numbers."""

    cursor = serializers.IntegerField(
        required=False, min_value=1, max_value=LARGEST_SEQUENCE, help_text="events before this sequence number, from `next`"
    )
    page_size = serializers.IntegerField(required=False, default=PAGE_SIZE, min_value=1, max_value=LARGEST_PAGE)


class AuditExportQuery(AuditFilters):
    """A range of sequence numbers, or filters."""

    format = Choice(KINDS, required=False, default=KINDS[0])

    def get_fields(self) -> dict[str, Any]:
        first = serializers.IntegerField(
            required=False, min_value=1, max_value=LARGEST_SEQUENCE,
            help_text="the first event of a range. Its file proves that it is complete and unchanged",
        )  # fmt: skip
        last = serializers.IntegerField(
            required=False, min_value=1, max_value=LARGEST_SEQUENCE,
            help_text="the last event. The range ends at the next checkpoint. Without it, the range ends at the last checkpoint",
        )  # fmt: skip
        return {"from": first, "to": last, **super().get_fields()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        first, last = attrs.get("from"), attrs.get("to")
        if first is None and last is not None:
            raise serializers.ValidationError({"from": "A range needs its first event. Give `from` too."})
        if first is not None and attrs.keys() - {"from", "to", "format"}:
            raise serializers.ValidationError({"from": "A range has no filters. Give either a range or filters."})
        if first is not None and attrs["format"] == "csv":
            raise serializers.ValidationError({"format": "CSV has no place for checkpoints. Use jsonl for a range."})
        if first is not None and last is not None and last < first:
            raise serializers.ValidationError({"to": "The last event is before the first one."})
        return attrs


class AuditTargetOutput(serializers.Serializer[Any]):
    type = serializers.CharField()
    id = serializers.UUIDField()
    label = serializers.CharField(help_text="its name when the event happened")  # type: ignore[assignment]  # the metaclass takes it out of the class


class AuditCredentialOutput(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=[*CredentialKind])
    id = serializers.CharField(help_text="a UUID, or the SHA-256 of a certificate")


class AuditEventOutput(serializers.Serializer[Any]):
    sequence = serializers.IntegerField()
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    action = serializers.CharField()
    outcome = serializers.ChoiceField(choices=Outcome.values)
    target = AuditTargetOutput()
    detail = serializers.DictField(help_text="its `reason` is null without the permission audit.view_reason")
    request_id = serializers.CharField(help_text="the same for all events of one request; empty for work of a process")
    address = serializers.CharField(help_text="of the client; empty for work of a process")
    credential = AuditCredentialOutput(
        allow_null=True, help_text="what the request was made with; null for work of a process, and before a sign-in"
    )


class Audit(View):
    """The audit log, newest event first. A page with few or no events can have a `next`: a search examines 20 000 events at a time."""

    @operation(page_of(AuditEventOutput), query=AuditQuery, operation_id="audit_list")
    def get(self, request: Request) -> Response:
        self.actor.require("audit.view_event")
        given = dict(self.query)
        cursor, size = given.pop("cursor", None), given.pop("page_size")
        page = events_page(EventFilter(**given), before=cursor, size=size)
        following = replace_query_param(request.build_absolute_uri(), "cursor", page.before) if page.before else None
        results = [event.content for event in page.rows]
        if not may_read_reasons(self.actor):
            results = [content | {"detail": without(content["detail"], ("reason",))} for content in results]
        return Response({"results": results, "next": following})


class CheckpointOutput(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    sequence = serializers.IntegerField(help_text="the last event that it covers: the log is verified and signed up to this one")
    at = serializers.DateTimeField()


class AuditStatusOutput(serializers.Serializer[Any]):
    state = serializers.CharField(help_text="whole, changed, not signed, or not signed yet")
    last_checkpoint = CheckpointOutput(allow_null=True)
    last_event = serializers.IntegerField(help_text="the last event that was written")
    findings = ReasonListField(child=serializers.CharField(), help_text="what was found, one sentence each")
    problem = ReasonField(help_text="why the last checkpoint could not be signed; empty if it was")
    accepted_gaps = serializers.IntegerField()
    public_key = serializers.CharField(help_text="PEM; it verifies checkpoints and exports. Empty before the first checkpoint")


class AuditStatus(View):
    """Whether the audit log is evidence: its last checkpoint, and what was found."""

    @operation(AuditStatusOutput)
    def get(self, request: Request) -> Response:
        self.actor.require("audit.view_event")
        status, key = log_status(), CheckpointKey.objects.first()
        last = status.last and {"number": status.last.number, "sequence": status.last.sequence, "at": status.last.at}
        return Response(
            {
                "state": status.state,
                "last_checkpoint": last,
                "last_event": last_place().sequence,
                "findings": status.findings,
                "problem": status.problem,
                "accepted_gaps": status.gaps,
                "public_key": key.public_key if key else "",
            }
        )


class AuditExport(View):
    """The audit log as a file.

    With `from` and `to`: a range of sequence numbers with its signed checkpoints, as JSON lines. `python -m audit.verify` verifies the file without
    the site. Without: the events that match the filters, the newest first, as JSON lines or CSV. The first line says that this proves nothing about
    what is missing. Each export is an event.
    """

    @operation({(200, JSON_LINES): str}, query=AuditExportQuery, conflicts=True)
    def get(self, request: Request) -> StreamingHttpResponse:
        given, now = dict(self.query), timezone.now()
        first, last, kind = given.pop("from", None), given.pop("to", None), given.pop("format")
        if first is not None:
            return range_answer(actor=self.actor, first=first, last=last, now=now)
        return selection_answer(actor=self.actor, wanted=EventFilter(**given), kind=kind, now=now)
