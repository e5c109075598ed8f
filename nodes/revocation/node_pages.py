"""The page that decommissions a node and lists its secrets."""

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone

from certs.models import Certificate
from nodes.errors import NodesError
from nodes.inventory.pages import confirm
from nodes.models import Node
from nodes.registration.decommission import node_decommission
from nodes.revocation.exposure import secrets_of_node
from web.page import PageRequest, page


@page("nodes.decommission_node")
def remove(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    node, now = get_object_or_404(Node, pk=pk), timezone.now()
    secrets = secrets_of_node(node, since=now, actor=request.actor, now=now)
    held = Certificate.objects.accepted().filter(holder_id=node.pk).order_by("-generation", "kind")
    if request.method == "POST":
        try:
            node_decommission(actor=request.actor, node=node, now=now, lost=request.POST.get("lost") == "yes")
        except NodesError as exc:
            return confirm(request, node, "remove", now, error=str(exc), secrets=secrets, held=held)
        return redirect("nodes:detail", pk=pk)
    return confirm(request, node, "remove", now, secrets=secrets, held=held)
