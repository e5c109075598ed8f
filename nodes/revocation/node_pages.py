"""The page that decommissions a node and lists its secrets."""

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone

from nodes.errors import NodesError
from nodes.inventory.pages import confirm
from nodes.models import Node
from nodes.registration.decommission import node_decommission
from nodes.revocation.view_models import removal_page
from web.page import PageRequest, page


@page("nodes.decommission_node")
def remove(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    node, now, error = get_object_or_404(Node, pk=pk), timezone.now(), ""
    if request.method == "POST":
        try:
            node_decommission(actor=request.actor, node=node, now=now, lost=request.POST.get("lost") == "yes")
            return redirect("nodes:detail", pk=pk)
        except NodesError as exc:
            error = str(exc)
    return confirm(request, "nodes/revocation/remove.html", removal_page(node, error=error, actor=request.actor, now=now))
