"""The overview, and the confirmation of a jump of the clock."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from jobs.clock import clock_confirm, clock_jump
from qmc.overview.view_models import ClockPage, overview_page
from web.page import PageRequest, page


@page("nodes.view_node")
def overview(request: PageRequest) -> HttpResponse:
    now = timezone.now()
    return render(request, "qmc/overview/overview.html", {"page": overview_page(actor=request.actor, now=now), "now": now})


@page("nodes.view_node")
def clock(request: PageRequest) -> HttpResponse:
    now = timezone.now()
    jump = clock_jump(now=now)
    if request.method == "POST":
        request.actor.require("jobs.change_periodicwork")
        clock_confirm()
    if jump is None or request.method == "POST":
        return redirect("overview")
    return render(request, "qmc/overview/clock.html", {"page": ClockPage(*jump), "now": now})
