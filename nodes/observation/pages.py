"""Pages about the callers of a node."""

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from nodes.models import Node
from nodes.observation.callers import callers_settle
from web.page import PageRequest, page


@page("nodes.change_node")
@require_POST
def settle_callers(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    """Confirm that only one machine calls as this node."""
    callers_settle(actor=request.actor, node=get_object_or_404(Node, pk=pk), now=timezone.now())
    return redirect("nodes:detail", pk=pk)
