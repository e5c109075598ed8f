"""Pages that change the recorded data of a node."""

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from nodes.errors import InputInvalid, NodesError
from nodes.inventory.change import node_change
from nodes.inventory.forms import NodeChangeForm
from nodes.inventory.view_models import EditPage
from nodes.models import Node
from web.page import PageRequest, page


@page("nodes.change_node")
def edit(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    node = get_object_or_404(Node, pk=pk)
    form = NodeChangeForm(request.POST if request.method == "POST" else None, node=node)
    if form.is_valid():
        try:
            node_change(actor=request.actor, node=node, now=timezone.now(), **form.fields_of_node())
            return redirect("nodes:detail", pk=pk)
        except InputInvalid as exc:
            form.refuse(exc)
        except NodesError as exc:
            form.add_error(None, str(exc))
    return render(request, "nodes/inventory/edit.html", {"page": EditPage(node), "form": form}, status=409 if form.errors else 200)


@page("nodes.change_node")
@require_POST
def take_address(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    """Store the address from which the node calls as its address."""
    node = get_object_or_404(Node.objects.select_related("observation"), pk=pk)
    if node.calls_from:
        node_change(actor=request.actor, node=node, now=timezone.now(), address=node.calls_from)
    return redirect("nodes:detail", pk=pk)
