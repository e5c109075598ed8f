"""Pages of backups: parse, call a service, render."""

import uuid

from django.conf import settings
from django.http import FileResponse, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from backups.archive import BackupError
from backups.errors import BackupRefused, StaleBackup
from backups.forms import BackupForm, ScheduleForm
from backups.lists import BackupList
from backups.models import Backup
from backups.schedule import CHANGE, schedule_change, schedule_current
from backups.services import ADD, DELETE, DOWNLOAD, VIEW, backup_ask, backup_open, backup_remove
from backups.view_models import backup_page, backups_page
from people.sign_in.fresh_sign_in import fresh_sign_in
from web.errors import InputInvalid
from web.lists.listed import Listed
from web.page import PageRequest, form_id, page

ROWS = Backup.objects.defer("sealed_passphrase")


@page(VIEW)
def backup_list(request: PageRequest) -> HttpResponseBase:
    now = timezone.now()
    return Listed(request, BackupList(), ROWS.all(), now=now).page("backups/list.html", page=backups_page(actor=request.actor, now=now))


@page(ADD)
def create(request: PageRequest) -> HttpResponse:
    form, asked = BackupForm(request.POST or None), form_id(request)
    if request.method == "POST" and form.is_valid():
        try:
            passphrase = form.cleaned_data["passphrase"]
            return redirect(
                "backups:backup", pk=backup_ask(actor=request.actor, passphrase=passphrase, request=asked, now=timezone.now()).pk
            )
        except InputInvalid as exc:
            form.refuse(exc)
        except BackupRefused as exc:
            form.add_error(None, str(exc))
    content = {"form": form, "form_id": asked, "folder": settings.BACKUP_DIR}
    return render(request, "backups/new.html", content, status=400 if form.errors else 200)


@page(VIEW)
def backup(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    return render(
        request, "backups/backup.html", {"page": backup_page(get_object_or_404(ROWS, pk=pk), actor=request.actor), "now": timezone.now()}
    )


@page(DOWNLOAD)
@fresh_sign_in
def download(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    """GET shows what the download contains, POST sends it."""
    found, error = get_object_or_404(ROWS, pk=pk), ""
    if request.method == "POST":
        try:
            file = backup_open(actor=request.actor, backup=found, now=timezone.now())
            return file_answer(found, file)  # type: ignore[return-value]  # the decorators pass any answer on
        except (BackupRefused, BackupError) as exc:
            error = str(exc)
    shown = backup_page(found, actor=request.actor, error=error)
    return render(request, "backups/download.html", {"page": shown, "now": timezone.now()}, status=409 if error else 200)


def file_answer(found: Backup, file: object) -> FileResponse:
    """The file of a backup, which no cache keeps."""
    return FileResponse(
        file, as_attachment=True, filename=found.name, content_type="application/octet-stream", headers={"Cache-Control": "no-store"}
    )


@page(DELETE)
def remove(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    found, error = get_object_or_404(ROWS, pk=pk), ""
    if request.method == "POST":
        try:
            backup_remove(actor=request.actor, backup=found, now=timezone.now())
            return redirect("backups:backup", pk=pk)
        except (BackupRefused, StaleBackup) as exc:
            error = str(exc)
    shown = backup_page(found, actor=request.actor, error=error)
    return render(request, "backups/remove.html", {"page": shown, "now": timezone.now()}, status=409 if error else 200)


@page(VIEW)
def schedule(request: PageRequest) -> HttpResponse:
    form = ScheduleForm(request.POST or None, schedule=schedule_current())
    if request.method == "POST" and form.is_valid():
        try:
            schedule_change(actor=request.actor, now=timezone.now(), **form.cleaned_data)
            return redirect("backups:list")
        except InputInvalid as exc:
            form.refuse(exc)
    elif request.method == "POST":
        request.actor.require(CHANGE)
    content = {"form": form, "schedule": schedule_current(), "passphrase_file": settings.BACKUP_PASSPHRASE_FILE, "permission": CHANGE}
    return render(request, "backups/schedule.html", content, status=form.status)
