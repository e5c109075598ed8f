"""The page that renews a node."""

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone

from nodes.errors import NodesError
from nodes.inventory.pages import confirm
from nodes.inventory.view_models import confirmation_page
from nodes.models import Node
from nodes.renewal.services import node_renew
from web.page import PageRequest, page


@page("nodes.renew_node")
def renew(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    node, error = get_object_or_404(Node, pk=pk), ""
    if request.method == "POST":
        try:
            node_renew(actor=request.actor, node=node, now=timezone.now())
            return redirect("nodes:detail", pk=pk)
        except NodesError as exc:
            error = str(exc)
    return confirm(request, "nodes/renewal/renew.html", confirmation_page(node, error=error))
