"""The pages of the help: the documents, their files, and the search in them. Everybody who has signed in may read them."""

from django.http import Http404, HttpResponse
from django.shortcuts import render

from qmc.help.documents import DocumentMissing, files
from qmc.help.view_models import document_page, help_page, operation_page, operations_page
from web.page import PageRequest, page

LONGEST_SEARCH = 200
# Browsers show pictures, and save the rest.
PICTURES = {".png": "image/png", ".svg": "image/svg+xml"}


@page("")
def index(request: PageRequest) -> HttpResponse:
    searched = request.GET.get("search", "")[:LONGEST_SEARCH].replace("\0", "").strip()
    return render(request, "qmc/help/index.html", {"page": help_page(searched)})


@page("")
def read(request: PageRequest, name: str) -> HttpResponse:
    try:
        shown = document_page(name)
    except DocumentMissing as exc:
        raise Http404(str(exc)) from exc
    return render(request, "qmc/help/document.html", {"page": shown})


@page("")
def operations(request: PageRequest) -> HttpResponse:
    """The operations of the API, with the address of this site."""
    return render(request, "qmc/help/operations.html", {"page": operations_page(request.build_absolute_uri("/").rstrip("/"))})


@page("")
def operation(request: PageRequest, name: str) -> HttpResponse:
    """One operation: what it takes, and every answer."""
    try:
        shown = operation_page(request.build_absolute_uri("/").rstrip("/"), name)
    except DocumentMissing as exc:
        raise Http404(str(exc)) from exc
    return render(request, "qmc/help/operation.html", {"page": shown})


@page("")
def file(request: PageRequest, name: str) -> HttpResponse:
    """A picture of a document, or a script to download."""
    path = files().get(name)
    if path is None:
        raise Http404(f"There is no file {name}.")
    kind = PICTURES.get(path.suffix, "application/octet-stream")
    shown = "inline" if path.suffix in PICTURES else f'attachment; filename="{path.name}"'
    return HttpResponse(path.read_bytes(), content_type=kind, headers={"Content-Disposition": shown})
