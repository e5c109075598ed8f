"""Pages of jobs: parse, call a service, render."""

import uuid

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from jobs.registry import JobRefused
from qmc.jobs.lists import JobList
from qmc.jobs.services import VIEW, job_cancel, job_retry, jobs_visible
from qmc.jobs.view_models import JobActionPage, job_cancel_page, job_page, job_retry_page
from web.lists.listed import Listed
from web.page import PageRequest, page


@page(VIEW)
def job_list(request: PageRequest) -> HttpResponseBase:
    return Listed(request, JobList(), jobs_visible(request.actor), now=timezone.now()).page("qmc/jobs/list.html")


@page(VIEW)
def job(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(jobs_visible(request.actor), pk=pk)
    return render(request, "qmc/jobs/job.html", {"page": job_page(found, actor=request.actor), "now": timezone.now()})


def _confirm(request: PageRequest, shown: JobActionPage) -> HttpResponse:
    return render(request, "qmc/jobs/confirm.html", {"page": shown}, status=409 if shown.error else 200)


@page(VIEW)
def cancel(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    found, error = get_object_or_404(jobs_visible(request.actor), pk=pk), ""
    if request.method == "POST":
        try:
            job_cancel(actor=request.actor, job=found, now=timezone.now())
            return redirect("jobs:job", pk=pk)
        except JobRefused as exc:
            error = str(exc)
    elif not job_page(found, actor=request.actor).may_cancel:
        return redirect("jobs:job", pk=pk)
    return _confirm(request, job_cancel_page(found, error=error))


@page(VIEW)
def retry(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    found, error = get_object_or_404(jobs_visible(request.actor), pk=pk), ""
    if request.method == "POST":
        try:
            return redirect("jobs:job", pk=job_retry(actor=request.actor, job=found, now=timezone.now()).pk)
        except JobRefused as exc:
            error = str(exc)
    elif not job_page(found, actor=request.actor).may_retry:
        return redirect("jobs:job", pk=pk)
    return _confirm(request, job_retry_page(found, error=error))
