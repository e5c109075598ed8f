"""The page of the limits of calls."""

from dataclasses import asdict, dataclass

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from nodes.calls.forms import CallLimitsForm
from nodes.calls.services import VARIABLES, call_limits_of_site, call_limits_set, overridden
from web.errors import InputInvalid
from web.page import PageRequest, page


@dataclass(frozen=True)
class CallLimitsPage:
    """`overridden` are the seconds that the environment sets, by the variable."""

    saved: bool
    overridden: dict[str, int]


@page("certs.view_certificate")
def call_limits(request: PageRequest) -> HttpResponse:
    """Show the limits, or change them."""
    form = CallLimitsForm(request.POST if request.method == "POST" else None, initial=asdict(call_limits_of_site()))
    if request.method == "POST" and form.is_valid():
        try:
            call_limits_set(actor=request.actor, limits=form.cleaned_data, now=timezone.now())
            return redirect(f"{request.path}?saved")
        except InputInvalid as exc:
            form.refuse(exc)
    given = {VARIABLES[name]: seconds for name, seconds in overridden().items()}
    shown = CallLimitsPage(request.method == "GET" and "saved" in request.GET, given)
    return render(request, "nodes/calls/calls.html", {"page": shown, "form": form}, status=form.status)
