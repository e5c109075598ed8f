"""Pages of nodes: parse, ask a service, render."""

import uuid

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone

from audit.event_lines import LINES
from audit.reasons import PERMISSION as REASONS
from nodes.inventory.lists import NodeList
from nodes.inventory.view_models import ConfirmationPage, node_page
from nodes.inventory.view_models import history as history_of
from nodes.models import Node
from web.history import HistoryPage
from web.lists.listed import Listed
from web.page import PageRequest, form_id, number, page


@page("nodes.view_node")
def node_list(request: PageRequest) -> HttpResponseBase:
    return Listed(request, NodeList(), Node.objects.with_report(), now=timezone.now()).page("nodes/inventory/list.html")


@page("nodes.view_node")
def detail(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    node, now = get_object_or_404(Node, pk=pk), timezone.now()
    return render(request, "nodes/inventory/detail.html", {"page": node_page(node, actor=request.actor, now=now), "now": now})


@page("nodes.view_node")
def history(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    request.actor.require(REASONS)
    node = get_object_or_404(Node, pk=pk)
    before = number(request, "before")
    lines = history_of(node, before, lines=2 * LINES)
    return render(request, "web/history.html", {"page": HistoryPage(str(node), reverse("nodes:detail", args=[pk]), lines, before is None)})


def confirm(request: PageRequest, template: str, shown: ConfirmationPage) -> HttpResponse:
    """The page that asks to confirm an action on a node, or that says why it was refused."""
    refused = shown.error or shown.findings
    return render(request, template, {"page": shown, "form_id": form_id(request)}, status=409 if refused else 200)
