"""`/metrics`: all values in the formats of Prometheus and OpenMetrics."""

import logging
import threading
import time
from collections.abc import Iterator

from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from rest_framework.exceptions import AuthenticationFailed

from agent.version import VERSION
from audit.actors import Actor, PermissionRefused
from people.tokens.authentication import token_checked
from pki.core.addresses import in_networks
from pki.core.commands import QMC
from qmc.metrics.processes import durations
from qmc.metrics.values import DATABASE_UP, values
from web.middleware import address_of

log = logging.getLogger(__name__)
KEPT_S = 15  # several scrapers cost as little as one
PERMISSION = "nodes.view_node"


class _Kept:
    """The last values of the database. None: it is not available. One thread reads them at a time."""

    lock = threading.Lock()
    values: list[GaugeMetricFamily] | None = None
    until = 0.0


def database_values() -> list[GaugeMetricFamily] | None:
    """The values of the database, at most a few seconds old. None if it is not available."""
    with _Kept.lock:
        if time.monotonic() >= _Kept.until:
            try:
                _Kept.values = values(timezone.now())
            except Error as exc:
                log.warning("The database cannot be read for /metrics: %s", exc)
                _Kept.values = None
            _Kept.until = time.monotonic() + KEPT_S
        return _Kept.values


def database_values_forget() -> None:
    """Read the database at the next scrape."""
    _Kept.until = 0.0


class Everything(Collector):
    """All values of one scrape."""

    def collect(self) -> Iterator[Metric]:
        found = database_values()
        yield InfoMetricFamily("qmc_build", "The version of the console.", value={"version": VERSION})
        yield GaugeMetricFamily(DATABASE_UP, "Whether the database was read for this scrape.", value=found is not None)
        yield from found or ()
        yield from durations()


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """All values, for a token of the scope `read` or an address of `QMC_METRICS_NETWORKS`."""
    if not in_networks(address_of(request), settings.QMC_METRICS_NETWORKS):
        try:
            _token_require(request)
        except AuthenticationFailed as exc:
            return _answer(f"{exc.detail}\n", 401, {"WWW-Authenticate": "Bearer"})
        except PermissionRefused as exc:
            return _answer(f"{exc}\n", 403)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Everything())
    write, content_type = choose_encoder(request.headers.get("Accept", ""))
    return _answer(write(registry), 200, content_type=content_type)


def _token_require(request: HttpRequest) -> None:
    """Raises: AuthenticationFailed, PermissionRefused."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise AuthenticationFailed(
            f"Send a token with the scope read in the header Authorization: Bearer. Make one with `{QMC} create_token USER --name NAME --scope read`. "
            "Or add the network of this client to QMC_METRICS_NETWORKS."
        )
    row = token_checked(token.strip(), address=address_of(request), now=timezone.now())
    Actor("token", str(row), row.user, row.limit, row.pk).require(PERMISSION)


def _answer(
    content: str | bytes, status: int, more: dict[str, str] | None = None, *, content_type: str = "text/plain; charset=utf-8"
) -> HttpResponse:
    return HttpResponse(content, content_type=content_type, status=status, headers={"Cache-Control": "no-store"} | (more or {}))
