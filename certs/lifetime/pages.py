"""The page of the lifetime setting."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from certs.lifetime.forms import LifetimeForm
from certs.lifetime.services import clamped, lifetime_get, lifetime_preview, lifetime_set
from web.page import PageRequest, page


@page("certs.view_certificate")
def lifetime(request: PageRequest) -> HttpResponse:
    """GET with months, and the button Preview, show what these would mean; Save sets them."""
    now, answer, shown = timezone.now(), None, lifetime_get().months
    asked = request.POST or ("months" in request.GET and request.GET) or None
    form = LifetimeForm(asked, initial={"months": shown})
    if asked and form.is_valid():
        shown = form.cleaned_data["months"]
        if request.method == "POST" and "preview" not in request.POST:
            answer = lifetime_set(actor=request.actor, months=shown, now=now)
            form, shown = LifetimeForm(initial={"months": answer.months}), answer.months
    preview = None if form.errors else lifetime_preview(actor=request.actor, months=shown, now=now)
    context = {"form": form, "answer": answer, "current": lifetime_get(), "asked": clamped(shown), "preview": preview, "now": now}
    return render(request, "certs/lifetime/lifetime.html", context)
