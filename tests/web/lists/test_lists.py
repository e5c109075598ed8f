"""Every list of the console and of the API: what its address can ask for, and what it costs."""

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts.models import Route
from certs.certificates.filters import CertificateFilter
from certs.models import Certificate, TrustZone
from nodes.models import BrowserCertificate, Observation
from tests import factories
from web.lists.keyset import Cursor

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
PAGES = ["/nodes/", "/certificates/", "/exports/", "/connections/", "/alerts/", "/browser-certificates/"]


@pytest.fixture
def client() -> Client:
    return factories.administrator()


def fill(first: int, count: int) -> None:
    """As many rows of each list."""
    now = timezone.now()
    for number in range(first, first + count):
        node = factories.node(f"rim{number}", at=now)
        Observation.objects.create(node=node, last_seen_at=now, address="10.0.0.1")
        factories.certificate("client", holder_id=node.pk, holder=node.name, subject_alternative_names=[node.host_name], at=now)
        factories.export(f"m{number}.example", at=now)
        factories.connection(f"c{number}", at=now)
        Route.objects.create(channel=factories.channel(f"ops{number}", at=now, values={"url": "https://hooks.example/"}), created_at=now)
        factories.alert(at=now, subject=f"rim{number}")
        BrowserCertificate.objects.create(name=f"b{number}", source="request", state="awaiting_answer", created_at=now)


def text_of(client: Client, path: str) -> str:
    answer = client.get(path, secure=True)
    assert answer.status_code == 200, path
    return str(answer.content.decode())


def cost(client: Client, path: str) -> int:
    text_of(client, path)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        text_of(client, path)
    return len(queries)


def everywhere() -> Iterator[str]:
    yield from (
        "/expiry/?page_size=25",
        "/expiry/?search=rim&page_size=25",
        "/api/v1/expiry/?page_size=25",
        "/settings/addresses/",
        "/api/v1/settings/addresses/",
    )
    yield from ("/alerts/channels/?page_size=25", "/alerts/routes/?page_size=25", "/api/v1/alert-channels/", "/api/v1/alert-routes/")
    for path in PAGES:
        yield from (f"{path}?page_size=25", f"/api/v1{path}?page_size=25")


def test_the_number_of_queries_does_not_depend_on_the_number_of_rows(client: Client) -> None:
    TrustZone.objects.create(name="central", created_at=NOW, founded_at=NOW)
    fill(0, 50)
    few = {path: cost(client, path) for path in everywhere()}
    fill(50, 450)
    assert {path: cost(client, path) for path in everywhere()} == few
    assert max(few.values()) <= 25


ODD = [
    "search=%25", "search=_", "search=%5C", "search=%00", f"search={'x' * 3000}", "page=1000000000", f"page={'9' * 40}", "page=0", "page=%C2%B2", "cursor=x", f"cursor={'W' * 3000}", "sort=nothing",
    "sort=-", "page_size=1000000", "page_size=x", "download=exe", "suggest=search", "suggest=nothing", "suggest=node&node=%00", "suggest=node&node=ab", "search=%ED%A0%80",
]  # fmt: skip


# Cursors that somebody changed.
PLACES: list[list[str | None]] = [
    ["yesterday", "", "x"], [NOW.isoformat(), "ExpiringExports", "x"], [NOW.isoformat(), "Nothing", str(uuid.UUID(int=7))],
    ["9999-12-31T23:59:59+00:00", "z", str(uuid.UUID(int=7))], [NOW.isoformat()], [],
]  # fmt: skip
CHANGED = [f"cursor={Cursor('not_after', back, 0, values)}" for back in (True, False) for values in PLACES]


@pytest.mark.parametrize("path", [*PAGES, "/expiry/"])
@pytest.mark.parametrize("query", [*ODD, *CHANGED])
def test_an_odd_address_shows_the_list(client: Client, path: str, query: str) -> None:
    TrustZone.objects.create(name="central", created_at=NOW, founded_at=NOW)
    fill(0, 1)
    text_of(client, f"{path}?{query}")
    assert client.get(f"/api/v1{path}?{query}", secure=True).status_code in (200, 400)


def test_percent_and_underscore_are_letters(client: Client) -> None:
    fill(0, 3)
    factories.node("100%_sure", at=NOW)
    for text in ("%25", "_", "0%25_s"):
        assert re.findall(r'<a class="strong" [^>]*>([^<]+)</a>', text_of(client, f"/nodes/?search={text}")) == ["100%_sure"]


def test_what_is_wrong_in_an_address_is_said(client: Client) -> None:
    fill(0, 1)
    assert "This is the first page." in text_of(client, "/nodes/?page=1000000000")
    assert "This is the first page." in text_of(client, "/nodes/?cursor=x")
    assert "at most 100 characters" in text_of(client, f"/nodes/?search={'x' * 101}")
    problem = client.get("/api/v1/nodes/?cursor=x", secure=True)
    assert (problem.status_code, problem.json()["errors"][0]["field"]) == (400, "cursor")
    assert "Start again without it" in problem.json()["detail"]


def test_following_next_reads_every_row_once(client: Client) -> None:
    fill(0, 12)
    for path in PAGES:
        found: list[str] = []
        url = f"/api/v1{path}?page_size=5"
        while url:
            answer = client.get(url, secure=True).json()
            found += [row["id"] for row in answer["results"]]
            url = answer["next"]
        assert (len(found), len(set(found))) == (12, 12), path
    second = client.get("/api/v1/nodes/?page_size=5&page=2", secure=True).json()
    first = client.get("/api/v1/nodes/?page_size=5", secure=True).json()
    assert client.get(first["next"], secure=True).json() == second


def test_a_page_leads_to_all_rows_and_back(client: Client) -> None:
    fill(0, 60)
    text = text_of(client, "/nodes/?page_size=25&search=rim")
    assert ("60 nodes" in text, "1–25 shown" in text, "page-before" in text) == (True, True, False)

    def url(name: str) -> str:
        found = re.search(rf'id="page-{name}"[^>]* href="([^"]+)"', text)
        assert found, name
        return f"/nodes/{found[1].replace('&amp;', '&')}"

    text = text_of(client, url("after"))
    assert "26–50 shown" in text
    text = text_of(client, url("after"))
    assert ("51–60 shown" in text, "page-after" in text) == (True, False)
    text = text_of(client, url("first"))
    assert "1–25 shown" in text
    text = text_of(client, url("last"))
    assert "36–60 shown" in text


@pytest.fixture
def certificates() -> dict[str, Certificate]:
    now = timezone.now()
    holder = factories.node("rim1", at=now)
    root = factories.certificate("root", holder_id=uuid.uuid4(), subject="CN=Old Root", at=now, not_after=now + timedelta(days=3000))
    common: dict[str, Any] = {"holder_id": holder.pk, "holder": "rim1", "issuer": root, "at": now}
    return {
        "root": root,
        "in_force": factories.certificate(
            "client", subject="CN=in-force", generation=4, subject_alternative_names=["www.rim1.example"], **common
        ),
        "expired": factories.certificate("client", subject="CN=too-old", generation=3, **common | {"at": now - timedelta(days=1000)}),
        "revoked": factories.certificate("client", subject="CN=stolen", generation=2, status="revoked", **common),
        "superseded": factories.certificate("client", subject="CN=older", generation=1, status="superseded", **common),
    }


def shown(client: Client, query: str) -> set[str]:
    """The names in the subjects of the rows: the title, or below it."""
    page = text_of(client, f"/certificates/?{query}")
    return {name.strip() for name in re.findall(r'(?:strong" href="/certificates/[^"]+">|quiet">\s*)CN=([^<·]+)', page)}


def test_certificates_in_force_are_the_default_of_the_page_and_not_of_the_api(client: Client, certificates: dict[str, Certificate]) -> None:
    everything = {"in-force", "too-old", "stolen", "older", "Old Root"}
    assert shown(client, "") == {"in-force", "Old Root"}
    assert shown(client, "status=all") == everything
    assert shown(client, "status=revoked") == {"stolen"}
    assert len(client.get("/api/v1/certificates/", secure=True).json()["results"]) == len(everything)
    assert len(client.get("/api/v1/certificates/?status=in_force", secure=True).json()["results"]) == 2


def test_certificates_are_found_by_name_number_holder_and_issuer(client: Client, certificates: dict[str, Certificate]) -> None:
    found, root = certificates["in_force"], certificates["root"]
    spaced = ":".join(found.serial[at : at + 2] for at in range(0, 8, 2)).upper()
    for query in (f"search={found.serial}", f"search={spaced}", "search=WWW.rim1", "search=in-f", f"node={found.holder_id}", "node=rim1"):
        assert shown(client, query) == {"in-force"}, query
    assert shown(client, f"issuer={root.pk}") == shown(client, "issuer=CN=Old Root") == {"in-force"}
    assert f'value="{found.holder}"' in text_of(client, f"/certificates/?node={found.holder_id}")
    assert shown(client, f"node={uuid.uuid4()}") == set()


def test_names_are_suggested_while_typing(client: Client, certificates: dict[str, Certificate]) -> None:
    at = timezone.now()
    for number in range(30):
        factories.certificate("client", holder_id=uuid.uuid4(), holder=f'zone "{number}"', at=at)
    assert text_of(client, "/certificates/?suggest=node&node=RIM").strip() == '<option value="rim1"></option>'
    assert text_of(client, "/certificates/?suggest=node&node=zone").count("<option") == 20
    assert "&quot;" in text_of(client, "/certificates/?suggest=node&node=zone")
    assert text_of(client, "/certificates/?suggest=issuer&issuer=cn=old").count("Old Root") == 1
    assert text_of(client, "/certificates/?suggest=node&node=%25").strip() == ""
    assert [name for name, field in CertificateFilter.base_filters.items() if hasattr(field, "suggestions")] == ["node", "issuer"]


@pytest.mark.parametrize("order", ["not_after", "-holder"])
def test_a_search_reads_an_index_instead_of_the_rows(order: str) -> None:
    """In the order of the list, so the first page of many matches ends early. Without it, SQLite reads 100 000 whole rows."""
    found = CertificateFilter(QueryDict("search=x"), queryset=Certificate.objects.listed()).qs
    plan = found.values("pk").order_by(order, order.replace("not_after", "pk").replace("holder", "pk")).explain()
    assert ("COVERING INDEX certificates_by_" in plan, "TEMP B-TREE" in plan) == (True, False), plan
