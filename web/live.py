"""Requests of pages that keep themselves current (static/qmc/live.js). They are no activity of the person."""

from django.http import HttpRequest

HEADER = "Live-Update"


def is_live(request: HttpRequest) -> bool:
    """Whether a page asks for its own address again, and no person does."""
    return request.method == "GET" and HEADER in request.headers
