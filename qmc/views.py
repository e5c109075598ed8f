"""The overview, the expiry board, and the clock that jumped."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from certs.pages import PageRequest, page, table_for
from jobs.clock import clock_confirm, clock_jump
from qmc import overview as site
from qmc.api import UNEXPECTED
from qmc.expiry import expiry_board
from qmc.expiry_page import ExpiryFilter, expiry_page, looked_from
from qmc.middleware import error
from qmc.names import refusal, refusal_detail
from qmc.server import LARGEST_BODY
from qmc.site_needs import jump_words
from qmc.tables import ExpiryTable


@page("nodes.view_node")
def overview(request: PageRequest) -> HttpResponse:
    return render(request, "qmc/overview.html", site.overview(request.actor, timezone.now()))


@page("certs.view_certificate")
def expiry(request: PageRequest) -> HttpResponse:
    now = timezone.now()
    as_of, wrong = looked_from(request.GET.get("as_of", ""), now=now)
    board = expiry_board(actor=request.actor, as_of=as_of, now=now)
    form = ExpiryFilter(request.GET, initial={"as_of": request.GET.get("as_of", "")})
    table = table_for(request, ExpiryTable, [row for row in board.rows if form.fits(row)], now=as_of)
    return render(request, "qmc/expiry.html", expiry_page(board, form) | {"table": table, "wrong": wrong})


@page("nodes.view_node")
def clock(request: PageRequest) -> HttpResponse:
    now = timezone.now()
    jump = clock_jump(now=now)
    if request.method == "POST":
        request.actor.require("jobs.change_periodicwork")
        clock_confirm()
    if jump is None or request.method == "POST":
        return redirect("overview")
    return render(request, "qmc/clock.html", {"now": now, "at": jump[0], "title": jump_words(jump[1]), "back": jump[1] < 0})


def too_large(request: HttpRequest) -> HttpResponse:
    """What the server shows in place of the answer to a request that is longer than it takes."""
    most = f"{LARGEST_BODY // 1024**2} MiB"
    detail = f"At most {most} are taken in one request. Certificate files have a few: send those alone."
    return error(request, "413.html", slug="too-large", status=413, detail=detail, most=most)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404, also for addresses below the API's that are none."""
    return error(request, "404.html", slug="not-found", status=404, detail="There is nothing at this address. Check the address.")


def failed(request: HttpRequest) -> HttpResponse:
    """Django's handler500."""
    return error(request, "500.html", slug="internal", status=500, detail=UNEXPECTED)


def form_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's CSRF_FAILURE_VIEW: why a form was not taken, and which setting helps behind a proxy."""
    content, detail = refusal(request, reason), refusal_detail(request, reason)
    return error(request, "403_csrf.html", slug="form-refused", status=403, detail=detail, **content)
