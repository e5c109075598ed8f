"""The page of the lifetime setting."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from certs.lifetime.forms import LifetimeForm
from certs.lifetime.services import lifetime_get, lifetime_set
from certs.lifetime.view_models import lifetime_page
from web.page import PageRequest, page


@page("certs.view_certificate")
def lifetime(request: PageRequest) -> HttpResponse:
    """GET with months, and the button Preview, show the effects of a lifetime. Save sets it."""
    now, saved, months = timezone.now(), None, lifetime_get().months
    asked = request.POST or ("months" in request.GET and request.GET) or None
    form = LifetimeForm(asked, initial={"months": months})
    if asked and form.is_valid():
        months = form.cleaned_data["months"]
        if request.method == "POST" and "preview" not in request.POST:
            saved = lifetime_set(actor=request.actor, months=months, now=now)
            form, months = LifetimeForm(initial={"months": saved.months}), saved.months
    shown = lifetime_page(months=None if form.errors else months, saved=saved, actor=request.actor, now=now)
    return render(request, "certs/lifetime/lifetime.html", {"page": shown, "form": form, "now": now}, status=409 if form.conflicts else 200)
