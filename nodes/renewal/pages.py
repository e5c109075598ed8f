"""The page that renews a node."""

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone

from nodes.errors import NodesError
from nodes.inventory.pages import confirm
from nodes.models import Node
from nodes.renewal.services import node_renew
from web.page import PageRequest, page


@page("nodes.renew_node")
def renew(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    node, now = get_object_or_404(Node, pk=pk), timezone.now()
    if request.method == "POST":
        try:
            node_renew(actor=request.actor, node=node, now=now)
        except NodesError as exc:
            return confirm(request, node, "renew", now, error=str(exc))
        return redirect("nodes:detail", pk=pk)
    return confirm(request, node, "renew", now)
