"""Backups in the REST API."""

import uuid
from typing import Any

from django.http import FileResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from backups.lists import BackupList
from backups.models import BackupSchedule
from backups.pages import ROWS, file_answer
from backups.schedule import schedule_change, schedule_current
from backups.services import VIEW, backup_ask, backup_open, backup_remove
from backups.states import BackupState
from backups.view_models import backup_json
from people.sign_in.fresh_sign_in import fresh_sign_in_required
from web.api import Choice, Input, StrictInteger, StrictText, View, list_query, operation, page_of
from web.reasons import ReasonField


class BackupInput(Input):
    passphrase = StrictText(help_text="encrypts the file; it is deleted when the backup has ended", max_length=200)


class BackupOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField(help_text="the name of the file")
    state = serializers.ChoiceField(choices=BackupState.values)
    reason = ReasonField(help_text="why it failed or was canceled, and what to do")
    scheduled = serializers.BooleanField()
    actor = serializers.CharField(help_text="who asked for it")
    created_at = serializers.DateTimeField()
    made_at = serializers.DateTimeField(allow_null=True, help_text="it has the state of the site at this time")
    verified_at = serializers.DateTimeField(allow_null=True, help_text="when a trial restore proved it")
    size = serializers.IntegerField(allow_null=True, help_text="bytes")
    contains = serializers.CharField(help_text="the secrets in it")
    nodes = serializers.IntegerField(allow_null=True)
    certificates = serializers.IntegerField(allow_null=True)
    version = serializers.CharField(help_text="of the console that made it")
    zone = serializers.CharField()
    folder = serializers.CharField()
    host = serializers.CharField(help_text="the machine with the folder")


class BackupScheduleInput(Input):
    every = Choice(["", "day", "week"], help_text="empty: no backup is made automatically")
    weekday = StrictInteger(required=False, help_text="of a weekly backup: 0 is Monday, 6 is Sunday")
    hour = StrictInteger(required=False, help_text="0 to 23, UTC")
    keep = StrictInteger(required=False, help_text="how many scheduled backups are kept")


class BackupScheduleOutput(serializers.Serializer[Any]):
    every = serializers.ChoiceField(
        choices=BackupSchedule.Every.values, allow_blank=True, help_text="empty: no backup is made automatically"
    )
    weekday = serializers.IntegerField()
    hour = serializers.IntegerField()
    keep = serializers.IntegerField()
    next_at = serializers.DateTimeField(allow_null=True)


class Backups(View):
    """Backups that were asked for, and scheduled ones."""

    @operation(page_of(BackupOutput), query=list_query(BackupList), operation_id="backups_list")
    def get(self, request: Request) -> Response:
        self.actor.require(VIEW)
        return self.listed(BackupList(), ROWS.all())

    @operation({202: BackupOutput}, body=BackupInput, conflicts=True)
    def post(self, request: Request) -> Response:
        return Response(backup_json(backup_ask(actor=self.actor, now=timezone.now(), **self.body)), status=202)


class BackupDetail(View):
    """One backup."""

    @operation(BackupOutput)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require(VIEW)
        return Response(backup_json(get_object_or_404(ROWS, pk=pk)))

    @operation({202: BackupOutput}, conflicts=True)
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        backup = get_object_or_404(ROWS, pk=pk)
        backup_remove(actor=self.actor, backup=backup, now=timezone.now())
        return Response(backup_json(backup), status=202)


class BackupDownload(View):
    """The encrypted file. A session is asked for a fresh sign-in first."""

    @operation({(200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY)}, conflicts=True)
    def post(self, request: Request, pk: uuid.UUID) -> FileResponse:
        backup = get_object_or_404(ROWS, pk=pk)
        self.actor.require("backups.download_backup")
        if not request.auth:
            fresh_sign_in_required(request._request)
        return file_answer(backup, backup_open(actor=self.actor, backup=backup, now=timezone.now()))


class BackupScheduleSetting(View):
    """When backups are made automatically."""

    def _answer(self, schedule: BackupSchedule) -> Response:
        return Response({name: getattr(schedule, name) for name in ("every", "weekday", "hour", "keep", "next_at")})

    @operation(BackupScheduleOutput)
    def get(self, request: Request) -> Response:
        self.actor.require(VIEW)
        return self._answer(schedule_current())

    @operation(BackupScheduleOutput, body=BackupScheduleInput)
    def put(self, request: Request) -> Response:
        schedule = schedule_current()
        now = {"weekday": schedule.weekday, "hour": schedule.hour, "keep": schedule.keep}
        return self._answer(schedule_change(actor=self.actor, now=timezone.now(), **now | self.body))
