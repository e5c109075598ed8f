"""How many requests a web process answers, and how long each takes."""

from collections.abc import Callable
from time import perf_counter

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from prometheus_client import Counter, Histogram

from web.middleware import error

MONITORING = frozenset({"/metrics", "/healthz", "/readyz"})
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
REQUESTS = Counter("qmc_http_requests", "Requests that were answered.", ("process", "method", "code"))
DURATIONS = Histogram(
    "qmc_http_request_duration_seconds", "How long requests took until their answer began.", ("process", "route"),
    buckets=(0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)  # fmt: skip


class MetricsMiddleware:
    """Measure each request. Its label is the pattern of its address, so that a client cannot make further series."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = perf_counter()
        answer = self.get_response(request)
        process = settings.INSTALLATION.process
        DURATIONS.labels(process, _route(request)).observe(perf_counter() - began)
        REQUESTS.labels(process, request.method if request.method in METHODS else "other", answer.status_code).inc()
        return answer


def _route(request: HttpRequest) -> str:
    if request.resolver_match is not None:
        return f"/{request.resolver_match.route}"
    return "static" if request.path_info.startswith(f"/{settings.STATIC_URL.strip('/').partition('/')[0]}/") else "none"


class OnlyMonitoringMiddleware:
    """On the port for monitoring systems, nothing else is at any address. The addresses of pages stay known, because needs and expiring things link to them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info in {*MONITORING, reverse("too_large")}:
            return self.get_response(request)
        return error(request, "404.html", slug="not-found", status=404, detail="This port answers at /metrics, /healthz and /readyz only.")
