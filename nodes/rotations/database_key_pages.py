"""Pages of the database key: parse, call a service, render."""

import contextlib
import uuid

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from certs.errors import RotationRefused
from certs.models import Rotation
from nodes.renewal.blocked_reason import blocked_column
from nodes.rotations.database_key import key_rotation_start
from nodes.rotations.database_key_view_models import key_page, key_rotation_page, nodes_before_key_rotation, versions_in_use, with_proofs
from nodes.rotations.lists import AffectedList, ReaderList
from nodes.rotations.services import rotation_pause
from web.lists.listed import Listed
from web.page import PageRequest, page


@page("certs.view_rotation")
def show(request: PageRequest) -> HttpResponseBase:
    now, versions = timezone.now(), versions_in_use()
    column = blocked_column(with_proofs(versions, now=now), now=now)
    listed = Listed(request, ReaderList(versions, computed=column), column.rows, now=now)
    if listed.answer is not None:
        return listed.answer
    context = {"page": key_page(versions, now=now), "listed": listed, "now": now}
    return render(request, "nodes/rotations/database_key/show.html", context)


@page("certs.rotate_databasekey")
def rotate(request: PageRequest) -> HttpResponseBase:
    now, error = timezone.now(), ""
    if request.method == "POST":
        try:
            key_rotation_start(actor=request.actor, now=now)
        except RotationRefused as exc:
            error = str(exc)
        else:
            return redirect("database_key:show")
    column = blocked_column(nodes_before_key_rotation(now=now), now=now)
    listed = Listed(request, AffectedList(computed=column), column.rows, now=now)
    if listed.answer is not None:
        return listed.answer
    context = {"page": key_rotation_page(column, error=error, now=now), "listed": listed, "now": now}
    return render(request, "nodes/rotations/database_key/rotate.html", context, status=409 if error else 200)


@page("certs.rotate_databasekey")
@require_POST
def pause(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    rotation, paused = get_object_or_404(Rotation, pk=pk), request.POST.get("paused") == "yes"
    with contextlib.suppress(RotationRefused):  # pressed twice, or just finished: the page shows the current state
        rotation_pause(actor=request.actor, rotation=rotation, paused=paused, now=timezone.now())
    return redirect("database_key:show")
