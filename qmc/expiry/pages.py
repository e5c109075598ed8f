"""The page of the expiry board."""

from dataclasses import replace

from django.http import HttpResponseBase
from django.utils import timezone

from qmc.expiry.lists import ExpiryListed
from qmc.expiry.rows import ExpiryRows, coming, expiry_board
from qmc.expiry.view_models import ExpiryFilter, expiry_page, looked_from
from web.page import PageRequest, page


@page("certs.view_certificate")
def expiry(request: PageRequest) -> HttpResponseBase:
    now = timezone.now()
    as_of, problem = looked_from(request.GET.get("as_of", ""), now=now)
    form = ExpiryFilter(request.GET, initial={"as_of": request.GET.get("as_of", "")})
    every = ExpiryRows(request.actor, now, as_of)
    listed = ExpiryListed(request, replace(every, asked=form.asked), form, now=as_of)
    if listed.answer is not None:
        return listed.answer
    shown = expiry_page(expiry_board(every), form, coming=coming(every) if as_of > now else (0, 0), day_problem=problem)
    return listed.page("qmc/expiry/expiry.html", page=shown)
