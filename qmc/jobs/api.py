"""Jobs in the REST API."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.models import Job
from qmc.jobs.filters import STATES, UNFINISHED
from qmc.jobs.lists import JobList
from qmc.jobs.services import VIEW, job_cancel, job_retry, jobs_visible
from qmc.jobs.view_models import job_detail_json, job_page
from web.api import View, list_query, operation, page_of
from web.reasons import ReasonField

STATES_OF_JOBS = [name for name in STATES if name != UNFINISHED]


class JobOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.CharField(help_text="the name of the kind of work, such as registration")
    state = serializers.ChoiceField(choices=STATES_OF_JOBS)
    title = serializers.CharField()
    subject = serializers.UUIDField(help_text="the id of what it works on")
    subject_name = serializers.CharField(help_text="empty if that was deleted")
    subject_path = serializers.CharField(help_text="the path of its page")
    actor = serializers.CharField(help_text="who asked for it")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    progress = ReasonField(help_text="the current or last step")
    done = serializers.IntegerField(allow_null=True, help_text="the finished part of `total`; null if it is not known")
    total = serializers.IntegerField(allow_null=True)
    error = ReasonField(help_text="why it failed or was canceled, and what to do")


class JobStepOutput(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    text = ReasonField()


class JobDetailOutput(JobOutput):
    cancelable = serializers.BooleanField(help_text="whether you can cancel it now")
    retryable = serializers.BooleanField(help_text="whether you can try it again now")
    steps = JobStepOutput(many=True, help_text="its log: at most 200 lines")


class Jobs(View):
    """Work that takes long, of the last 90 days."""

    @operation(page_of(JobOutput), query=list_query(JobList), operation_id="jobs_list")
    def get(self, request: Request) -> Response:
        self.actor.require(VIEW)
        return self.listed(JobList(), jobs_visible(self.actor))


class _OfJob(View):
    def shown(self, job: Job, status: int = 200) -> Response:
        job.refresh_from_db()
        return Response(job_detail_json(job_page(job, actor=self.actor)), status=status)


class JobDetail(_OfJob):
    """One job, with its log."""

    @operation(JobDetailOutput)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require(VIEW)
        return self.shown(get_object_or_404(jobs_visible(self.actor), pk=pk))


class JobCancel(_OfJob):
    """End an unfinished job. It needs the permission of the action itself."""

    @operation(JobDetailOutput, conflicts=True)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        job = get_object_or_404(Job, pk=pk)
        job_cancel(actor=self.actor, job=job, now=timezone.now())
        return self.shown(job)


class JobRetry(_OfJob):
    """Do the work of a failed or canceled job again. The answer is the new job."""

    @operation({202: JobDetailOutput}, conflicts=True)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        return self.shown(job_retry(actor=self.actor, job=get_object_or_404(Job, pk=pk), now=timezone.now()), 202)
