"""Whatever a node reports, and whatever an older version stored of it, every page and every list of the API answers."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as tried
from hypothesis import strategies as st

from certs.models import Certificate
from nodes.models import Node, Observation
from nodes.node_api.views import heartbeat_view
from pki.exchange.kept_report import KEPT
from pki.exchange.report import Report
from qmc import urls
from tests import factories
from tests.pki.test_report import BEFORE, INVALID, json_values, reports
from tests.slow import RUN_SLOW, one_of

API, CALLER = "/api/v1", b"the client certificate of rim1"
MAIN = ["/", "/expiry/", "/nodes/", "/nodes/{}/", "/roots/", "/database-key/", "/cluster/manual/",
        f"{API}/nodes/", f"{API}/nodes/{{}}/", f"{API}/expiry/", f"{API}/attention/"]  # fmt: skip
# What commit 1c0c2c0 stored where a node reported it, and worse. Together in two rows, and every page is asked for both.
EXTREMES: list[dict[str, Any]] = [
    {"hook": {"at": "0001-01-01T00:00:00+23:59", "exit": 1, "generation": 1}, "clock_offset_s": -6.4e10, "installed": [], "database_keys": 5,
     "revocation_lists": {"a" * 64: -5, "b" * 64: 10**60}, "proved": {"0" * 16: "0001-01-01T00:00:00+23:59"}, "browser": {"revision": "tired"}},
    {"hook": {"at": "9999-12-31T23:59:59-23:59", "exit": None, "generation": 1}, "clock_offset_s": 1e300, "served": {"service": 5}, "trusts": {},
     "installed": {"service": None}, "challenges": [], "browser": []},
]  # fmt: skip


def patterns(found: list[Any], before: str = "/") -> Iterator[str]:
    for entry in found:
        if isinstance(entry, URLResolver):
            yield from patterns(entry.url_patterns, before + str(entry.pattern))
        elif isinstance(entry, URLPattern):
            yield before + str(entry.pattern)


@pytest.fixture
def node(site_directory: Path) -> Node:
    """rim1, registered, beside the central node; both have called."""
    now = timezone.now()
    node = factories.node(at=now, registered_at=now - timedelta(days=9), generation=1, browser_thumbprint="c" * 40, browser_chosen_at=now)
    for reported in Node.objects.all():
        Observation.objects.create(node=reported, last_seen_at=now, generation=1)
    factories.client_certificate(node, CALLER, at=now, generation=1)
    return node


@pytest.fixture
def broken(node: Node) -> Callable[[list[str]], list[tuple[str, int]]]:
    """Which of the given pages do not answer 200."""
    client = factories.administrator()

    def ask(paths: list[str]) -> list[tuple[str, int]]:
        return [
            (path, status) for template in paths if (status := client.get(path := template.format(node.pk), secure=True).status_code) != 200
        ]

    return ask


def store(node: Node, **fields: Any) -> None:
    """As an older version did, or a backup of it: nothing is checked on the way."""
    Observation.objects.filter(node=node).update(**fields)


@pytest.mark.parametrize("row", one_of(2, EXTREMES), ids=["least", "most"])
def test_stored_extremes_break_no_page(node: Node, broken: Any, row: dict[str, Any]) -> None:
    root = Certificate.objects.get(kind="root")
    own = {"nodes": node.pk, "certificates": root.pk}
    found = [(path, next((str(pk) for noun, pk in own.items() if f"/{noun}/<uuid:pk>" in path), "")) for path in patterns(urls.urlpatterns)]
    paths = [path.replace("<uuid:pk>", pk) for path, pk in found if "<" not in path.replace("<uuid:pk>", "" if pk else "<")]
    answered = {*paths} - {path for path, _ in broken(paths)}  # the others only take a POST, or this site has no such thing
    assert len(answered) > 40
    assert {path.format(node.pk) for path in MAIN} <= answered
    store(node, **row)
    assert broken(sorted(answered)) == []


def test_no_stored_row_breaks_a_page(node: Node, broken: Any) -> None:
    @tried(max_examples=20 if RUN_SLOW else 3, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(fields=st.dictionaries(st.sampled_from(sorted(KEPT)), json_values, min_size=1), offset=st.floats(allow_nan=False))
    def rows(fields: dict[str, Any], offset: float) -> None:
        # What no database stores is left out: NUL, numbers that are none, and null for the whole column.
        stored = json.loads(json.dumps(fields).replace("\\u0000", ""), parse_constant=lambda name: 0)
        store(node, **{name: [] if value is None else value for name, value in stored.items()}, clock_offset_s=offset)
        assert broken(MAIN) == []

    rows()


def report(body: bytes) -> Any:
    scope = {"asgi.scope": {"state": {"peer_certificate": CALLER}}}
    return heartbeat_view(RequestFactory().post("/api/v1/heartbeat/", body, content_type="application/json", **scope))


def test_no_report_breaks_a_page(node: Node, broken: Any) -> None:
    @tried(max_examples=20 if RUN_SLOW else 3, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(said=reports)
    def rows(said: Report) -> None:
        assert report(json.dumps(said.to_json()).encode()).status_code == 200
        assert broken(MAIN) == []

    rows()


@pytest.mark.parametrize(
    "method", ["POST /heartbeat/", "GET /packages/1/", "GET /browser-certificate/", "GET /trust/", "GET /connections/"]
)
def test_the_node_api_refuses_an_unknown_and_a_repeated_parameter(node: Node, settings: Any, method: str) -> None:
    settings.ROOT_URLCONF = "qmc.urls_node"
    verb, path = method.split()
    known = "Use: after." if "connections" in path else "This operation takes no parameter."
    for query in ("helth=works", f"helth=works&after={node.pk}&after={node.pk}"):
        scope = {"asgi.scope": {"state": {"peer_certificate": CALLER}}}
        answer = Client().generic(verb, f"{API}{path}?{query}", json.dumps(BEFORE), content_type="application/json", **scope)
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
        errors = {error["field"]: error for error in answer.json()["errors"]}
        assert errors["helth"] == {"field": "helth", "code": "unknown", "message": f"There is no parameter 'helth'. {known}"}
        repeated = "repeated" if "connections" in path else "unknown"
        assert {name: error["code"] for name, error in errors.items() if name == "after"} == (
            {"after": repeated} if "after" in query else {}
        )


@pytest.mark.parametrize("fields", INVALID[::4], ids=lambda fields: ascii(fields)[:50])
def test_a_report_outside_its_range_is_a_problem_that_names_the_field(node: Node, fields: dict[str, Any]) -> None:
    answer = report(json.dumps(BEFORE | fields).encode())
    problem = json.loads(answer.content)
    assert (answer.status_code, answer["Content-Type"], problem["type"]) == (400, "application/problem+json", "urn:trust-zone:malformed")
    assert [error["field"] for error in problem["errors"]] == list(fields)
    assert Observation.objects.get(node=node).database_keys == []


def test_version_and_system_are_kept(node: Node) -> None:
    assert report(json.dumps(BEFORE | {"version": "0.1.0", "system": "Linux 6.1 x86_64"}).encode()).status_code == 200
    seen = Observation.objects.get(node=node)
    assert (seen.version, seen.system) == ("0.1.0", "Linux 6.1 x86_64")
    assert report(json.dumps(BEFORE).encode()).status_code == 200  # the agent was replaced by an older one
    assert Observation.objects.get(node=node).version == ""
