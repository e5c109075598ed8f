"""Pages of nodes: parse, ask a service, render."""

import uuid
from datetime import datetime

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone

from audit.event_lines import LINES
from certs.models import Certificate
from nodes.inventory.filters import NodeFilter
from nodes.inventory.health import with_health
from nodes.inventory.tables import NodeTable
from nodes.inventory.view_models import history as history_of
from nodes.inventory.view_models import node_page
from nodes.models import Node
from web.history import HistoryPage
from web.page import PageRequest, form_id, page, page_number, table_for

# Actions on a node that have a confirmation page, each with the room of that page.
ROOM_OF = {"redistribute": "registration", "renew": "renewal", "remove": "revocation"}


@page("nodes.view_node")
def node_list(request: PageRequest) -> HttpResponse:
    now = timezone.now()
    found = NodeFilter(request.GET, queryset=with_health(Node.objects.select_related("observation"), now=now))
    table = table_for(request, NodeTable, found.qs, now=now)
    return render(request, "nodes/inventory/list.html", {"filter": found, "table": table, "now": now})


@page("nodes.view_node")
def detail(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    node, now = get_object_or_404(Node, pk=pk), timezone.now()
    return render(request, "nodes/inventory/detail.html", node_page(node, actor=request.actor, now=now))


@page("nodes.view_node")
def history(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    node = get_object_or_404(Node, pk=pk)
    lines = history_of(node, page_number(request), lines=2 * LINES)
    return render(request, "web/history.html", {"page": HistoryPage(str(node), reverse("nodes:detail", args=[pk]), lines)})


@page("nodes.view_node")
def status(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    """The parts of a node's page that change; an empty answer while nothing has changed."""
    shown = node_page(get_object_or_404(Node, pk=pk), actor=request.actor, now=timezone.now())
    if request.GET.get("drawn") == shown["drawn"]:
        return HttpResponse(status=204)
    node = shown["node"]
    moved = request.GET.get("state") != node.state
    spent = not shown["password_lasts"] or request.GET.get("generation") != str(node.generation)
    return render(request, "nodes/inventory/status.html", shown | {"moved": moved, "spent": spent})


def confirm(request: PageRequest, node: Node, action: str, now: datetime, **more: object) -> HttpResponse:
    """The page that asks to confirm `action`, or that says why it was refused."""
    held = Certificate.objects.issued().filter(holder_id=node.pk)
    context = {"node": node, "action": action, "held": held, "now": now, "form_id": form_id(request)} | more
    refused = "error" in more or "findings" in more
    return render(request, f"nodes/{ROOM_OF[action]}/{action}.html", context, status=409 if refused else 200)
