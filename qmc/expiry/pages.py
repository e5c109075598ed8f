"""The page of the expiry board, and its picture, which pages load after their first answer."""

from django.http import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from qmc.expiry.everything import Everything, expiry_board
from qmc.expiry.lists import ExpiryList
from qmc.expiry.rows import ExpiryRows
from qmc.expiry.view_models import expiry_page, looked_from, picture_page
from web.lists.listed import Listed
from web.page import PageRequest, page


@page("certs.view_certificate")
def expiry(request: PageRequest) -> HttpResponseBase:
    now = timezone.now()
    as_of, problem = looked_from(request.GET.get("as_of", ""), now=now)
    every = Everything(request.actor, now, as_of)
    listed = Listed(request, ExpiryList(every), ExpiryRows(every), now=as_of)
    if listed.answer:
        return listed.answer
    board = expiry_board(every, listed.part.rows)
    return listed.page(
        "qmc/expiry/expiry.html",
        page=expiry_page(board, listed.found.asked, coming=every.totals.coming, kinds=every.totals.kinds, day_problem=problem),
    )


@page("certs.view_certificate")
def picture(request: PageRequest) -> HttpResponseBase:
    now = timezone.now()
    as_of, problem = looked_from(request.GET.get("as_of", ""), now=now)
    template = "qmc/expiry/timeline.html" if request.htmx else "qmc/expiry/picture.html"
    return render(request, template, {"page": picture_page(Everything(request.actor, now, as_of), problem), "now": as_of})
