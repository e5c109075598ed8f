"""The page of the search, and the one of the keyboard shortcuts."""

from django.http import HttpResponse
from django.shortcuts import render

from qmc.search.shortcuts import SHORTCUTS
from qmc.search.view_models import SearchPage, lists_with
from web.page import PageRequest, page
from web.search import LONGEST, search


@page("")
def find(request: PageRequest) -> HttpResponse:
    """The page, or for the dialog the part of it with the results."""
    text = request.GET.get("q", "").strip()[:LONGEST]
    shown = SearchPage(text, search(text, actor=request.actor), lists_with(text, actor=request.actor))
    return render(request, "qmc/search/options.html" if request.htmx else "qmc/search/page.html", {"page": shown})


@page("")
def shortcuts(request: PageRequest) -> HttpResponse:
    return render(request, "qmc/search/shortcuts.html", {"page": SHORTCUTS})
