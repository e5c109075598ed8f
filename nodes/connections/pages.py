"""Pages of connections: parse, call a service, render."""

import uuid
from collections.abc import Callable

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from nodes.connections.forms import ConnectionForm
from nodes.connections.lists import ConnectionList
from nodes.connections.services import connection_change, connection_create, connection_delete, key_versions, password_description
from nodes.connections.view_models import ConnectionPage
from nodes.errors import InputInvalid
from nodes.models import Connection
from pki.core.errors import UnknownKey
from sealing.errors import TrustZoneError
from web.lists.listed import Listed
from web.page import PageRequest, page


@page("nodes.view_connection")
def connection_list(request: PageRequest) -> HttpResponseBase:
    return Listed(request, ConnectionList(), Connection.objects.all(), now=timezone.now()).page("nodes/connections/list.html")


def _save(form: ConnectionForm, save: Callable[..., Connection]) -> Connection | None:
    """The saved object; None if it was refused, and then the form has the reason."""
    if form.is_valid():
        try:
            return save(now=timezone.now(), **form.fields_of_connection())
        except InputInvalid as exc:
            form.refuse(exc)
        except (TrustZoneError, UnknownKey) as exc:
            form.add_error(None, f"The password cannot be encrypted now, so nothing was saved. {exc}")
    return None


def _form(request: PageRequest, form: ConnectionForm, connection: Connection | None = None) -> HttpResponse:
    saved = "saved" in request.GET and request.method == "GET"
    context = {"page": ConnectionPage(connection, saved, bool(form["password"].data)), "form": form, "now": timezone.now()}
    return render(request, "nodes/connections/form.html", context, status=form.status)


@page("nodes.add_connection")
def create(request: PageRequest) -> HttpResponse:
    form = ConnectionForm(request.POST or None)
    if request.method == "POST" and (made := _save(form, lambda **fields: connection_create(actor=request.actor, **fields))):
        return redirect(reverse("connections:edit", args=[made.pk]) + "?saved")
    return _form(request, form)


@page("nodes.change_connection")
def edit(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    connection = get_object_or_404(Connection, pk=pk)
    held = connection.password
    initial = {name: getattr(connection, name) for name in ("name", "type", "connection_string", "username")}
    form = ConnectionForm(
        request.POST or None, initial=initial, password_description=password_description(held, key_versions()) if held else ""
    )
    if request.method == "POST" and _save(form, lambda **fields: connection_change(actor=request.actor, connection=connection, **fields)):
        return redirect(reverse("connections:edit", args=[pk]) + "?saved")
    return _form(request, form, connection)


@page("nodes.delete_connection")
def remove(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    connection = get_object_or_404(Connection, pk=pk)
    if request.method == "POST":
        connection_delete(actor=request.actor, connection=connection, now=timezone.now())
        return redirect("connections:list")
    return render(request, "nodes/connections/remove.html", {"page": ConnectionPage(connection)})
