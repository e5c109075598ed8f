"""Pages of the root: parse, call a service, render."""

import contextlib
import uuid

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from certs.certificates.issuer import root_rotation
from certs.errors import RotationRefused
from certs.models import Rotation
from certs.roots.services import automatic_rotation_set
from nodes.models import Node
from nodes.renewal.blocked_reason import blocked_column
from nodes.rotations.forms import ExcludeForm
from nodes.rotations.lists import AffectedList, ProgressList
from nodes.rotations.root import root_rotation_exclude, root_rotation_roll_back, root_rotation_start
from nodes.rotations.root_view_models import (
    ExclusionPage,
    nodes_before_root_rotation,
    nodes_to_roll_back,
    roll_back_page,
    root_page,
    root_progress_rows,
    root_rotation_page,
)
from nodes.rotations.services import rotation_pause
from web.lists.listed import Listed
from web.page import PageRequest, page


@page("certs.view_rotation")
def show(request: PageRequest) -> HttpResponseBase:
    now, rotation = timezone.now(), root_rotation()
    listed = Listed(request, ProgressList(rotation), root_progress_rows(rotation, now=now), now=now) if rotation else None
    if listed and listed.answer is not None:
        return listed.answer
    return render(request, "nodes/rotations/root/show.html", {"page": root_page(now=now), "listed": listed, "now": now})


def _keeps(request: PageRequest) -> bool:
    return request.POST.get("keeps_for_exports") == "yes"


@page("certs.rotate_root")
def rotate(request: PageRequest) -> HttpResponseBase:
    now, error = timezone.now(), ""
    if request.method == "POST":
        try:
            root_rotation_start(actor=request.actor, now=now, keeps_for_exports=_keeps(request))
        except RotationRefused as exc:
            error = str(exc)
        else:
            return redirect("roots:show")
    column = blocked_column(nodes_before_root_rotation(now=now), now=now)
    listed = Listed(request, AffectedList(computed=column), column.rows, now=now)
    if listed.answer is not None:
        return listed.answer
    context = {"page": root_rotation_page(column, error=error, now=now), "listed": listed, "now": now}
    return render(request, "nodes/rotations/root/rotate.html", context, status=409 if error else 200)


@page("certs.rotate_root")
@require_POST
def setting(request: PageRequest) -> HttpResponse:
    automatic_rotation_set(actor=request.actor, on=request.POST.get("by_itself") == "yes", now=timezone.now())
    return redirect("roots:show")


@page("certs.rotate_root")
@require_POST
def pause(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    rotation, paused = get_object_or_404(Rotation, pk=pk), request.POST.get("paused") == "yes"
    with contextlib.suppress(RotationRefused):  # pressed twice, or just finished: the page shows the current state
        rotation_pause(actor=request.actor, rotation=rotation, paused=paused, now=timezone.now())
    return redirect("roots:show")


@page("certs.rotate_root")
def roll_back(request: PageRequest, pk: uuid.UUID) -> HttpResponseBase:
    rotation, now, error = get_object_or_404(Rotation.objects.filter(kind=Rotation.Kind.ROOT), pk=pk), timezone.now(), ""
    if request.method == "POST":
        try:
            root_rotation_roll_back(actor=request.actor, rotation=rotation, now=now, keeps_for_exports=_keeps(request))
        except RotationRefused as exc:
            error = str(exc)
        else:
            return redirect("roots:show")
    column = blocked_column(nodes_to_roll_back(rotation, now=now), now=now)
    listed = Listed(request, AffectedList(computed=column), column.rows, now=now)
    if listed.answer is not None:
        return listed.answer
    context = {"page": roll_back_page(rotation, error=error, now=now), "listed": listed, "now": now}
    return render(request, "nodes/rotations/root/roll_back.html", context, status=409 if error else 200)


@page("certs.rotate_root")
def exclude(request: PageRequest, pk: uuid.UUID, node: uuid.UUID) -> HttpResponse:
    rotation, left_out = get_object_or_404(Rotation.objects.filter(kind=Rotation.Kind.ROOT), pk=pk), get_object_or_404(Node, pk=node)
    form, now, error = ExcludeForm(request.POST or None), timezone.now(), ""
    if request.method == "POST" and form.is_valid():
        try:
            root_rotation_exclude(actor=request.actor, rotation=rotation, node=left_out, reason=form.cleaned_data["reason"], now=now)
        except RotationRefused as exc:
            error = str(exc)
        else:
            return redirect("roots:show")
    context = {"page": ExclusionPage(left_out, error), "form": form}
    return render(request, "nodes/rotations/root/exclude.html", context, status=409 if error else 200)
