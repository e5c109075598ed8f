"""Pages for errors."""

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.views.defaults import bad_request

from qmc.addresses.names import form_refusal
from qmc.server import LARGEST_BODY
from web.middleware import error, is_api
from web.problems import UNEXPECTED, problem_register, problem_response

problem_register(413, "too-large")


def too_large(request: HttpRequest) -> HttpResponse:
    """The answer to a request with a body that is too large."""
    most = f"{LARGEST_BODY // 1024**2} MiB"
    detail = f"A request can have at most {most}. Certificate files are much smaller: send only those."
    return error(request, "413.html", slug="too-large", status=413, detail=detail, most=most)


def malformed(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400, for what it refuses before a view has the request."""
    if isinstance(exception, RequestDataTooBig):
        return too_large(request)
    if is_api(request.path_info):
        return problem_response("malformed", 400, "The request is malformed, so nothing was done. Check its headers and its body.")
    return bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404, also for unknown addresses of the API."""
    return error(request, "404.html", slug="not-found", status=404, detail="There is nothing at this address. Check the address.")


def failed(request: HttpRequest) -> HttpResponse:
    """Django's handler500."""
    return error(request, "500.html", slug="internal", status=500, detail=UNEXPECTED)


def form_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's CSRF_FAILURE_VIEW: why a form was refused, and which setting helps behind a proxy."""
    refusal = form_refusal(request, reason)
    return error(request, "403_csrf.html", slug="form-refused", status=403, detail=refusal.detail, page=refusal)
