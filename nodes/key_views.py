"""Pages of the database key: parse, ask a service, render."""

import contextlib
import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from certs.errors import RotationRefused
from certs.models import Rotation
from certs.pages import PageRequest, page
from nodes.key_story import key_story, rotation_plan
from nodes.services.key_rotation import rotation_pause, rotation_start


@page("certs.view_rotation")
def database_key(request: PageRequest) -> HttpResponse:
    return render(request, "nodes/database_key.html", key_story(now=timezone.now()))


@page("certs.rotate_databasekey")
def rotate(request: PageRequest) -> HttpResponse:
    now, error = timezone.now(), ""
    if request.method == "POST":
        try:
            rotation_start(actor=request.actor, now=now)
        except RotationRefused as exc:
            error = str(exc)
        else:
            return redirect("nodes:database-key")
    return render(request, "nodes/key_rotate.html", rotation_plan(now=now) | {"error": error}, status=409 if error else 200)


@page("certs.rotate_databasekey")
@require_POST
def pause(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    rotation, paused = get_object_or_404(Rotation, pk=pk), request.POST.get("paused") == "yes"
    with contextlib.suppress(RotationRefused):  # pressed twice, or just finished: the page shows what is
        rotation_pause(actor=request.actor, rotation=rotation, paused=paused, now=timezone.now())
    return redirect("nodes:database-key")
