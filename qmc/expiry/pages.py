"""The page of the expiry board."""

from django.http import HttpResponseBase
from django.utils import timezone

from qmc.expiry.everything import Everything, expiry_board
from qmc.expiry.lists import ExpiryList
from qmc.expiry.rows import ExpiryRows
from qmc.expiry.view_models import expiry_page, looked_from
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
        "qmc/expiry/expiry.html", page=expiry_page(board, listed.found.asked, coming=every.counts.coming, day_problem=problem)
    )
