"""The audit log in the REST API."""

import uuid
from typing import Any

from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from audit.chain import last_place
from audit.exports.services import RangeReversed
from audit.listing import LARGEST_SEQUENCE, EventFilter, events_page
from audit.models import CheckpointKey, Outcome, Segment
from audit.reasons import may_read_reasons, without
from audit.request import CredentialKind
from audit.retention.services import PERMISSION as REMOVE
from audit.retention.services import segment_remove, segments_close
from audit.retention.states import SegmentStatus
from people.sign_in.fresh_sign_in import fresh_sign_in_required
from qmc.audit_log.exports import JSON_LINES, KINDS, range_answer, selection_answer
from qmc.audit_log.lists import SegmentList, segment_json
from qmc.audit_log.view_models import STATES, log_status
from web.api import LARGEST_PAGE, Choice, Input, Query, View, list_query, operation, page_of
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
    state = serializers.ChoiceField(choices=STATES)
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
            try:
                return range_answer(actor=self.actor, first=first, last=last, now=now)
            except RangeReversed as exc:
                raise serializers.ValidationError({"to": str(exc)}) from exc
        return selection_answer(actor=self.actor, wanted=EventFilter(**given), kind=kind, now=now)


class SegmentInput(Input):
    before = serializers.DateTimeField(help_text="older events are written to files, except for those after the last checkpoint before it")


class SegmentRemoveInput(Input):
    reason = serializers.CharField(max_length=500, help_text="why these events may be removed, for auditors")


class SegmentOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    file = serializers.CharField(help_text="in the folder audit/segments of the data directory of the central node")
    first = serializers.IntegerField()
    last = serializers.IntegerField()
    since = serializers.DateTimeField(help_text="the time of the first event")
    until = serializers.DateTimeField(help_text="the time of the last event")
    status = serializers.ChoiceField(choices=SegmentStatus.values)
    problem = ReasonField()
    size = serializers.IntegerField(help_text="bytes of the file")
    sha256 = serializers.CharField(help_text="of the file. Empty until it is verified")
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()
    decided_at = serializers.DateTimeField(allow_null=True)
    decided_by = serializers.CharField(help_text="who decided to remove the events")
    reason = ReasonField()
    removed_at = serializers.DateTimeField(allow_null=True)


SEGMENTS = inline_serializer("SegmentsAsked", {"results": SegmentOutput(many=True)})


class Segments(View):
    """Old events in files. POST lets a worker of the central node write older events to files, and verify them from there."""

    @operation(page_of(SegmentOutput), query=list_query(SegmentList), operation_id="audit_segments_list")
    def get(self, request: Request) -> Response:
        self.actor.require("audit.view_event")
        return self.listed(SegmentList(), Segment.objects.all())

    @operation({202: SEGMENTS}, body=SegmentInput, conflicts=True)
    def post(self, request: Request) -> Response:
        segments = segments_close(actor=self.actor, before=self.body["before"], now=timezone.now())
        return Response({"results": [segment_json(segment) for segment in segments]}, status=202)


class SegmentRemove(View):
    """Remove the events of a verified file from the database. A worker does it. A session is asked for a fresh sign-in first."""

    @operation({202: SegmentOutput}, body=SegmentRemoveInput, conflicts=True)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require(REMOVE)
        segment = get_object_or_404(Segment, pk=pk)
        if not request.auth:
            fresh_sign_in_required(request._request)
        segment_remove(actor=self.actor, segment=segment, reason=self.body["reason"], now=timezone.now())
        return Response(segment_json(segment), status=202)
