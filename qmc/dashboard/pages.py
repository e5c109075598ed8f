"""The parts of the dashboard. The overview loads each after its first answer; without scripts each is a page."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from qmc.dashboard.view_models import certificates_part, keys_part, next_expiry, nodes_part
from web.page import PageRequest, page


def _answer(request: PageRequest, template: str, **context: object) -> HttpResponse:
    """The part for the overview, or in a page of its own."""
    return render(request, template if request.htmx else "qmc/dashboard/page.html", {"part": template, **context})


@page("certs.view_certificate")
def following(request: PageRequest) -> HttpResponse:
    now = timezone.now()
    return _answer(request, "qmc/dashboard/next_expiry.html", page=next_expiry(request.actor, now), now=now)


@page("nodes.view_node")
def nodes(request: PageRequest) -> HttpResponse:
    now = timezone.now()
    return _answer(request, "qmc/dashboard/nodes.html", page=nodes_part(request.actor, now), now=now)


@page("certs.view_certificate")
def certificates(request: PageRequest) -> HttpResponse:
    now = timezone.now()
    return _answer(request, "qmc/dashboard/certificates.html", page=certificates_part(now), now=now)


@page("certs.view_certificate")
def keys(request: PageRequest) -> HttpResponse:
    now = timezone.now()
    return _answer(request, "qmc/dashboard/keys.html", page=keys_part(request.actor, now), now=now)
