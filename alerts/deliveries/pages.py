"""Pages of deliveries, and the preview of one: parse, call a service, render."""

import uuid

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from alerts.deliveries.forms import PreviewForm
from alerts.deliveries.lists import DeliveryList
from alerts.deliveries.preview import preview
from alerts.deliveries.services import delivery_test
from alerts.deliveries.view_models import DeliveriesPage, delivery_page
from alerts.errors import InputInvalid
from alerts.models import Channel, Delivery
from web.lists.listed import Listed
from web.page import PageRequest, page


@page("alerts.change_channel")
@require_POST
def test(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    """Send a test message; the page of its delivery shows whether it arrives."""
    delivery = delivery_test(actor=request.actor, channel=get_object_or_404(Channel, pk=pk), now=timezone.now())
    return redirect("alerts:delivery", pk=delivery.pk)


@page("alerts.view_channel")
def delivery_list(request: PageRequest, pk: uuid.UUID) -> HttpResponseBase:
    channel = get_object_or_404(Channel, pk=pk)
    shown = Listed(request, DeliveryList(), channel.deliveries.all(), now=timezone.now())
    return shown.page("alerts/deliveries/list.html", page=DeliveriesPage(channel))


@page("alerts.view_channel")
def detail(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    delivery = get_object_or_404(Delivery.objects.select_related("channel"), pk=pk)
    return render(request, "alerts/deliveries/detail.html", {"page": delivery_page(delivery), "now": timezone.now()})


@page("alerts.view_channel")
def show_preview(request: PageRequest) -> HttpResponse:
    """Who would get an alert, when, and what. Nothing is sent."""
    now = timezone.now()
    form, shown = PreviewForm(request.GET or None), None
    if form.is_valid():
        try:
            shown = preview(**form.chosen(now), now=now)
        except InputInvalid as exc:
            form.refuse(exc)
    return render(request, "alerts/deliveries/preview.html", {"page": shown, "form": form, "now": now})
