"""The page of the expiry board."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from qmc.expiry.board import expiry_board
from qmc.expiry.tables import ExpiryTable
from qmc.expiry.view_models import ExpiryFilter, expiry_page, looked_from
from web.page import PageRequest, page, table_for


@page("certs.view_certificate")
def expiry(request: PageRequest) -> HttpResponse:
    now = timezone.now()
    as_of, problem = looked_from(request.GET.get("as_of", ""), now=now)
    board = expiry_board(actor=request.actor, as_of=as_of, now=now)
    form = ExpiryFilter(request.GET, initial={"as_of": request.GET.get("as_of", "")})
    table = table_for(request, ExpiryTable, [row for row in board.rows if form.fits(row)], now=as_of)
    shown = expiry_page(board, form, day_problem=problem)
    return render(request, "qmc/expiry/expiry.html", {"page": shown, "table": table, "form": form, "now": as_of})
