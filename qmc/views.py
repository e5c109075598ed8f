"""The overview."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from certs.pages import PageRequest, page
from qmc import overview as site


@page("nodes.view_node")
def overview(request: PageRequest) -> HttpResponse:
    return render(request, "qmc/overview.html", site.overview(timezone.now()))
