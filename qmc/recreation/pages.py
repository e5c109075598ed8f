"""The page of recreating the root: parse, ask a service, render."""

from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone

from certs.zone.services import zone_current
from qmc.recreation.forms import RecreateForm
from qmc.recreation.lists import AffectedList, RecreatedList
from qmc.recreation.services import PERMISSION, RecreationRefused, nodes_touched, recreation_ask, unfinished
from qmc.recreation.view_models import recreation_page, recreation_plan
from web.lists.listed import Listed
from web.page import PageRequest, page


@page(PERMISSION)
def recreate(request: PageRequest) -> HttpResponseBase:
    form, now = RecreateForm(request.POST or None), timezone.now()
    if request.method != "POST" and unfinished(zone_current()) is not None:
        return redirect("recreation")
    if request.method == "POST" and form.is_valid():
        try:
            recreation_ask(actor=request.actor, trust_zone=form.cleaned_data["trust_zone"], now=now)
        except RecreationRefused as exc:
            form.add_error("trust_zone", str(exc))
        else:
            return redirect("recreation")
    listed = Listed(request, AffectedList(), nodes_touched().with_report(), now=now)
    if listed.answer is not None:
        return listed.answer
    context = {"page": recreation_plan(actor=request.actor, now=now), "form": form, "listed": listed, "now": now}
    return render(request, "qmc/recreation/recreate.html", context, status=409 if form.errors else 200)


@page(PERMISSION)
def progress(request: PageRequest) -> HttpResponseBase:
    now = timezone.now()
    shown = recreation_page(actor=request.actor, now=now)
    listed = Listed(request, RecreatedList(sort="state"), shown.nodes.with_report(), now=now)
    return listed.page("qmc/recreation/recreation.html", page=shown)
