"""Pages of channels: parse, call a service, render."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from alerts.channels.forms import ChannelForm
from alerts.channels.kinds import KINDS
from alerts.channels.lists import ChannelList
from alerts.channels.services import channel_change, channel_create, channel_delete, generated_secrets, readable_values
from alerts.channels.view_models import NewChannelPage, channel_page
from alerts.errors import InputInvalid
from alerts.models import Channel
from pki.core.errors import SealError
from sealing.errors import TrustZoneError
from web.lists.listed import Listed
from web.page import PageRequest, page


@page("alerts.view_channel")
def channel_list(request: PageRequest) -> HttpResponseBase:
    shown = Listed(request, ChannelList(), Channel.objects.all(), now=timezone.now())
    return shown.page("alerts/channels/list.html")


def _save(form: ChannelForm, save: Callable[..., Channel]) -> Channel | None:
    """The saved object; None if it was refused, and then the form has the reason."""
    if form.is_valid():
        try:
            return save(now=timezone.now(), **form.fields_of_channel())
        except InputInvalid as exc:
            form.refuse(exc)
        except (TrustZoneError, SealError) as exc:
            form.add_error(None, f"The secrets cannot be encrypted or decrypted now, so nothing was saved. {exc}")
    return None


def _secrets(channel: Channel) -> dict[str, str]:
    """The secrets that are set and can be decrypted."""
    kind = KINDS.get(channel.kind)
    names = {field.name for field in kind.fields if field.is_secret} if kind else set()
    return {name: value for name, value in readable_values(channel).items() if name in names and value} if names else {}


def _saved(request: PageRequest, form: ChannelForm, channel: Channel, before: Mapping[str, str]) -> HttpResponse:
    """The answer to a form that was saved. It is the only answer with a generated secret."""
    labels = {field.name: field.label for field in form.kind.fields}
    secrets = generated_secrets(channel, form.fields_of_channel()["values"], before)
    if not secrets:
        return redirect(reverse("alerts:channel", args=[channel.pk]) + "?saved")
    now = timezone.now()
    shown = channel_page(channel, saved=True, generated={labels[name]: value for name, value in secrets.items()}, now=now)
    answer = render(request, "alerts/channels/secret.html", {"page": shown, "now": now})
    answer["Cache-Control"] = "no-store"
    return answer


@page("alerts.add_channel")
def create(request: PageRequest) -> HttpResponse:
    """First the kind is chosen, then its form is shown."""
    kind = KINDS.get(request.GET.get("kind", ""))
    if kind is None:
        return render(request, "alerts/channels/choose.html", {"page": NewChannelPage(None)})
    form = ChannelForm(request.POST or None, kind=kind)

    def save(**fields: Any) -> Channel:
        return channel_create(actor=request.actor, kind=kind.name, **fields)

    if request.method == "POST" and (made := _save(form, save)):
        return _saved(request, form, made, {})
    return render(request, "alerts/channels/new.html", {"page": NewChannelPage(kind), "form": form}, status=form.status)


@page("alerts.view_channel")
def edit(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    channel, now = get_object_or_404(Channel, pk=pk), timezone.now()
    kind, before = KINDS.get(channel.kind), _secrets(channel)
    form = ChannelForm(request.POST or None, kind=kind, channel=channel, stored=before) if kind else None

    def save(**fields: Any) -> Channel:
        return channel_change(actor=request.actor, channel=channel, **fields)

    if form is not None and request.method == "POST" and (changed := _save(form, save)):
        return _saved(request, form, changed, before)
    shown = channel_page(channel, saved="saved" in request.GET and request.method == "GET", now=now)
    context = {"page": shown, "form": form, "now": now}
    return render(request, "alerts/channels/channel.html", context, status=form.status if form else 200)


@page("alerts.delete_channel")
def remove(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    channel, now = get_object_or_404(Channel, pk=pk), timezone.now()
    if request.method == "POST":
        channel_delete(actor=request.actor, channel=channel, now=now)
        return redirect("alerts:channels")
    return render(request, "alerts/channels/remove.html", {"page": channel_page(channel, now=now), "now": now})
