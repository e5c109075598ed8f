"""The labels of measured requests: patterns of addresses, never what a client sends."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from prometheus_client import REGISTRY

pytestmark = pytest.mark.django_db


def requests(route: str) -> float:
    labels = {"process": "console", "route": route}
    return REGISTRY.get_sample_value("qmc_http_request_duration_seconds_count", labels) or 0


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/healthz", "/healthz"),
        ("/api/v1/nodes/00000000-0000-0000-0000-000000000007/", "/api/v1/nodes/<uuid:pk>/"),
        ("/nothing/here/", "none"),
        (f"/{settings.STATIC_URL.strip('/')}/nothing.css", "static"),
    ],
    ids=["a fixed address", "an address with an id", "an unknown address", "a static file"],
)
def test_a_request_counts_for_the_pattern_of_its_address(client: Client, path: str, route: str) -> None:
    before = requests(route)
    client.get(path, secure=True)
    assert requests(route) == before + 1


@pytest.mark.parametrize(("method", "label"), [("GET", "GET"), ("BREW", "other")])
def test_only_known_methods_are_labels(client: Client, method: str, label: str) -> None:
    def count() -> float:
        return sum(
            sample.value
            for metric in REGISTRY.collect()
            for sample in metric.samples
            if sample.name == "qmc_http_requests_total" and sample.labels["method"] == label
        )

    before: Any = count()
    client.generic(method, "/healthz", secure=True)
    assert count() == before + 1
