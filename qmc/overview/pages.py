"""The overview, and the clock that jumped."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from jobs.clock import clock_confirm, clock_jump
from qmc.overview import services as site
from qmc.overview.attention import jump_words
from web.page import PageRequest, page


@page("nodes.view_node")
def overview(request: PageRequest) -> HttpResponse:
    return render(request, "qmc/overview/overview.html", site.overview(request.actor, timezone.now()))


@page("nodes.view_node")
def clock(request: PageRequest) -> HttpResponse:
    now = timezone.now()
    jump = clock_jump(now=now)
    if request.method == "POST":
        request.actor.require("jobs.change_periodicwork")
        clock_confirm()
    if jump is None or request.method == "POST":
        return redirect("overview")
    return render(request, "qmc/overview/clock.html", {"now": now, "at": jump[0], "title": jump_words(jump[1]), "back": jump[1] < 0})
