"""The page of all settings."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from qmc.site_settings.view_models import settings_page
from web.page import PageRequest, page

LONGEST_SEARCH = 200


@page("certs.view_certificate")
def every_setting(request: PageRequest) -> HttpResponse:
    searched = request.GET.get("search", "")[:LONGEST_SEARCH].strip()
    return render(request, "qmc/site_settings/settings.html", {"page": settings_page(searched, request.actor), "now": timezone.now()})
