"""Pages of syslog receivers: parse, call a service, render."""

import uuid
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from audit.models import SyslogReceiver
from qmc.syslog.forms import ReceiverForm
from qmc.syslog.lists import ReceiverList
from qmc.syslog.services import receiver_change, receiver_create, receiver_delete, receiver_test
from qmc.syslog.view_models import ReceiverPage, receiver_lines
from web.errors import InputInvalid
from web.lists.listed import Listed
from web.page import PageRequest, page

CHANGE = "audit.change_syslogreceiver"


def _page(receiver: SyslogReceiver, **content: Any) -> ReceiverPage:
    (line,) = receiver_lines([receiver], now=timezone.now())
    return ReceiverPage(line, **content)


def _saved(form: ReceiverForm, save: Callable[..., SyslogReceiver]) -> HttpResponse | None:
    """The way to the page of what was saved. None if it was refused, and then the form has the reason."""
    if form.is_valid():
        try:
            receiver = save(now=timezone.now(), **form.fields_of_receiver())
        except InputInvalid as exc:
            form.refuse(exc)
        else:
            return redirect(reverse("syslog:receiver", args=[receiver.pk]) + "?saved")
    return None


@page("audit.view_syslogreceiver")
def receiver_list(request: PageRequest) -> HttpResponseBase:
    return Listed(request, ReceiverList(), SyslogReceiver.objects.all(), now=timezone.now()).page("qmc/syslog/list.html")


@page("audit.add_syslogreceiver")
def create(request: PageRequest) -> HttpResponse:
    form = ReceiverForm(request.POST or None)

    def save(**fields: Any) -> SyslogReceiver:
        return receiver_create(actor=request.actor, **fields)

    if request.method == "POST" and (saved := _saved(form, save)):
        return saved
    return render(request, "qmc/syslog/new.html", {"form": form}, status=form.status)


@page("audit.view_syslogreceiver")
def edit(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    receiver = get_object_or_404(SyslogReceiver, pk=pk)
    form = ReceiverForm(request.POST or None, receiver=receiver)

    def save(**fields: Any) -> SyslogReceiver:
        return receiver_change(actor=request.actor, receiver=receiver, **fields)

    if request.method == "POST" and (saved := _saved(form, save)):
        return saved
    shown = _page(receiver, saved="saved" in request.GET and request.method == "GET")
    return render(request, "qmc/syslog/receiver.html", {"page": shown, "form": form}, status=form.status)


@require_POST
@page(CHANGE)
def test(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    """Send a test message, and show whether it was taken."""
    receiver = get_object_or_404(SyslogReceiver, pk=pk)
    problem = receiver_test(actor=request.actor, receiver=receiver, now=timezone.now())
    shown = _page(SyslogReceiver.objects.get(pk=pk), tested=problem)
    return render(request, "qmc/syslog/receiver.html", {"page": shown, "form": ReceiverForm(None, receiver=receiver)})


@page("audit.delete_syslogreceiver")
def remove(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    receiver = get_object_or_404(SyslogReceiver, pk=pk)
    if request.method == "POST":
        receiver_delete(actor=request.actor, receiver=receiver, now=timezone.now())
        return redirect("syslog:list")
    return render(request, "qmc/syslog/remove.html", {"page": _page(receiver)})
