"""Anything is found by what people know of it, by an index, and only by people who may see it. Breadcrumbs follow the address."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.actors import Actor
from certs.models import HolderKind
from certs.names.services import Names, names_take
from nodes.connections.services import connection_create
from nodes.models import BrowserCertificate, Node
from people.roles.groups import role_give
from people.roles.registry import Role
from qmc.search.places import PLACES
from qmc.search.shortcuts import SHORTCUTS
from qmc.search.view_models import crumbs
from tests import factories
from web.page import _permissions
from web.search import search

pytestmark = pytest.mark.django_db
SERIAL, FINGERPRINT, THUMBPRINT = "6a7f" * 8, "b1c2" * 16, "2e4f9a00" * 5


@pytest.fixture
def ann(site_directory: Any) -> Actor:
    user = User.objects.create_superuser("ann.of.operations")
    return Actor("user", user.username, user)


@pytest.fixture
def node(ann: Actor) -> Node:
    now = timezone.now()
    made = factories.registered_node(
        name="Rim07", host_name="rim07.site.example", address="10.4.2.17", subject_alternative_names=["hub.site.example"]
    )
    factories.certificate("client", holder_id=made.pk, holder="Rim07", at=now, serial=SERIAL, sha256=FINGERPRINT)
    export = factories.export("reports.site.example", at=now)
    names_take(requested=[Names(HolderKind.EXPORT, export.pk, exclusive=(export.machine,))], now=now)
    connection_create(actor=ann, now=now, name="Sales of the branches", type="odbc", connection_string="DSN=sales")
    BrowserCertificate.objects.create(name="Public hub", thumbprint=THUMBPRINT, source="request", state="ready", created_at=now)
    return made


def labels(text: str, actor: Actor) -> dict[str, list[str]]:
    return {group.kind: [found.label for found in group.results] for group in search(text, actor=actor)}


@pytest.mark.parametrize(
    ("text", "kind", "label"),
    [
        ("Rim0", "Nodes", "Rim07"),
        ("rim07.site", "Nodes", "Rim07"),
        ("RIM07.SITE", "Nodes", "Rim07"),
        ("hub.site.example", "Nodes", "Rim07"),
        ("10.4.2.", "Nodes", "Rim07"),
        (SERIAL[:12], "Certificates", "Rim07"),
        (SERIAL.upper(), "Certificates", "Rim07"),
        ("B1:C2:B1:C2:B1", "Certificates", "Rim07"),
        ("2E 4F 9A 00 2E", "Browser certificates", "Public hub"),
        ("public", "Browser certificates", "Public hub"),
        ("reports.", "Exports", "reports.site.example"),
        ("sales", "Connections", "Sales of the branches"),
        ("ann", "People", "ann.of.operations"),
        ("add machine", "Pages and actions", "Register node"),
        ("rotate ca", "Pages and actions", "New root…"),
        ("who did", "Pages and actions", "Audit log"),
        ("sso", "Pages and actions", "Sign-in with a provider"),
        ("central lost", "Help", "The central node is lost"),
    ],
)  # fmt: skip
def test_it_is_found(text: str, kind: str, label: str, node: Node, ann: Actor) -> None:
    assert label in labels(text, ann)[kind]


@pytest.mark.parametrize("text", ["", "r", "no such thing", "%", "'; --", "im07", "\u202erim07", "x" * 500, "10.4.2.17; rm", "0" * 64])
def test_nothing_is_found(text: str, node: Node, ann: Actor) -> None:
    assert labels(text, ann) == {}


def test_a_viewer_finds_only_what_they_may_see(node: Node, ann: Actor) -> None:
    user = User.objects.create_user("eve")
    role_give(user, Role.VIEWER)
    eve = Actor("user", "eve", user)
    assert labels("rim07", eve) == {"Nodes": ["Rim07"]}
    assert labels("sales", eve) == labels("ann", eve) == labels("add machine", eve) == {}


def test_each_kind_is_searched_by_an_index(node: Node, ann: Actor) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL reads small tables without an index")
    with CaptureQueriesContext(connection) as asked:
        for text in ("rim07", SERIAL, "10.4.2."):
            labels(text, ann)
    assert len(asked) <= 3 * 25
    for query in asked:
        if any(table in query["sql"] for table in ("nodes_node", "certs_", "nodes_connection", "nodes_browsercertificate")):
            with connection.cursor() as cursor:
                plan = [row[3] for row in cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}").fetchall()]
            assert not [step for step in plan if step.startswith("SCAN")], (plan, query["sql"])


def test_the_page_the_dialog_and_the_api_find_the_same(client: Client, node: Node, ann: Actor) -> None:
    assert ann.user is not None
    client.force_login(ann.user)
    page = client.get("/search/?q=rim07", secure=True).content.decode()
    options = client.get("/search/?q=rim07", secure=True, headers={"HX-Request": "true"}).content.decode()
    assert all(f'href="/nodes/{node.pk}/"' in answer for answer in (page, options))
    assert ['role="option"' in answer for answer in (page, options)] == [False, True]
    (found,) = client.get("/api/v1/search/?q=rim07", secure=True).json()["results"]
    assert found == {"kind": "Nodes", "label": "Rim07", "text": "rim07.site.example · 10.4.2.17 · registered", "url": f"/nodes/{node.pk}/"}
    assert "Clear the filters" not in client.get("/search/?q=<script>", secure=True).content.decode()


def test_breadcrumbs_are_the_pages_above(node: Node, ann: Actor) -> None:
    assert crumbs("/nodes/", actor=ann) == crumbs("/", actor=ann) == crumbs("/no/such/page/", actor=ann) == []
    assert [(crumb.label, crumb.url) for crumb in crumbs(f"/nodes/{node.pk}/renew/", actor=ann)] == [
        ("Nodes", "/nodes/"),
        ("Rim07", f"/nodes/{node.pk}/"),
    ]


@pytest.mark.parametrize("path", ["/account/lists/nodes/columns/", "/account/lists/nodes/views/new/"])
def test_a_page_about_a_list_leads_back_to_the_list(site_directory: Any, path: str) -> None:
    assert '<li><a href="/nodes/">Nodes</a></li>' in factories.administrator().get(path, secure=True).content.decode()


def test_every_place_is_a_page() -> None:
    assert {place.name for place in PLACES} <= _permissions().keys()
    assert {shortcut.view for shortcut in SHORTCUTS if shortcut.view} <= {place.name for place in PLACES}


def test_a_text_with_a_zero_character_is_searched_without_it(ann: Actor, node: Node) -> None:
    with CaptureQueriesContext(connection) as queries:
        search("ri\0m", actor=ann)
    assert not any("\0" in query["sql"] for query in queries)
    assert search("Rim07\0", actor=ann) == search("Rim07", actor=ann)
