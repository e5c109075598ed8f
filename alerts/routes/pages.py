"""Pages of routes: parse, call a service, render."""

import uuid
from collections.abc import Callable

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from alerts.errors import InputInvalid
from alerts.models import Channel, Route
from alerts.routes.forms import RouteForm
from alerts.routes.lists import RouteList
from alerts.routes.services import route_change, route_create, route_delete
from alerts.routes.view_models import RoutePage, RoutesPage
from web.lists.listed import Listed
from web.page import PageRequest, page

WITH_CHANNEL = Route.objects.select_related("channel")


@page("alerts.view_route")
def route_list(request: PageRequest) -> HttpResponseBase:
    shown = Listed(request, RouteList(), WITH_CHANNEL.all(), now=timezone.now())
    return shown.page("alerts/routes/list.html", page=RoutesPage(list(Channel.objects.filter(routes=None))))


def _save(form: RouteForm, save: Callable[..., Route]) -> Route | None:
    """The saved object; None if it was refused, and then the form has the reason."""
    if form.is_valid():
        try:
            return save(now=timezone.now(), **form.fields_of_route())
        except InputInvalid as exc:
            form.refuse(exc)
    return None


def _form(request: PageRequest, form: RouteForm, route: Route | None = None) -> HttpResponse:
    saved = "saved" in request.GET and request.method == "GET"
    return render(request, "alerts/routes/form.html", {"page": RoutePage(route, saved), "form": form}, status=form.status)


@page("alerts.add_route")
def create(request: PageRequest) -> HttpResponse:
    form = RouteForm(request.POST or None, initial={"channel": request.GET.get("channel", "")})
    if request.method == "POST" and (made := _save(form, lambda **fields: route_create(actor=request.actor, **fields))):
        return redirect(reverse("alerts:route", args=[made.pk]) + "?saved")
    return _form(request, form)


@page("alerts.change_route")
def edit(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    route = get_object_or_404(WITH_CHANNEL, pk=pk)
    form = RouteForm(request.POST or None, initial=RouteForm.initial_of(route), kept=route.codes)
    if request.method == "POST" and _save(form, lambda **fields: route_change(actor=request.actor, route=route, **fields)):
        return redirect(reverse("alerts:route", args=[pk]) + "?saved")
    return _form(request, form, route)


@page("alerts.delete_route")
def remove(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    route = get_object_or_404(WITH_CHANNEL, pk=pk)
    if request.method == "POST":
        route_delete(actor=request.actor, route=route, now=timezone.now())
        return redirect("alerts:routes")
    is_last = not Route.objects.filter(channel=route.channel).exclude(pk=pk).exists()
    return render(request, "alerts/routes/remove.html", {"page": RoutePage(route, is_last=is_last)})
