"""Reasons are hidden from people who may not read them: on pages, in the API, in files, and in parts of pages that are fetched again."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from audit.actors import SYSTEM
from audit.record import record
from certs.models import Certificate, Export
from jobs.models import PeriodicWork
from nodes.models import BrowserCertificate, Node, Renewal
from people.roles.groups import role_give
from people.roles.registry import Role
from tests import factories
from tests.qmc.access import objects_make
from tests.qmc.test_access import COLUMNS, path_of, table

pytestmark = pytest.mark.django_db
REASON = "connection-refused-by-10.99.1.7"
VIEWS = ("", "?download=csv", "?download=json", "?state=all")


def reasons_write() -> dict[str, tuple[str, ...]]:
    """Put the same reason wherever the site keeps one."""
    now = timezone.now()
    objects = objects_make(factories.root_admin("robot"), now=now)
    node = Node.objects.get(pk=objects["/nodes/"][0])
    Node.objects.update(state_reason=REASON)
    Node.objects.filter(pk=node.pk).update(state="failed", failed_from="verifying")
    Renewal.objects.create(node=node, generation=node.generation, status="failed", reason=REASON, created_at=now)
    Certificate.objects.update(reason=REASON)
    Export.objects.update(status_reason=REASON, folder_problem=REASON)
    BrowserCertificate.objects.update(notes=[REASON])
    PeriodicWork.objects.update(last_error=REASON)
    record(actor=SYSTEM, action="node.transition", target=node, detail={"from": "verifying", "to": "failed", "reason": REASON}, now=now)
    return objects


def places_with_reason(role: Role, objects: dict[str, tuple[str, ...]]) -> set[str]:
    """The addresses that show the reason to a person with this role."""
    user = User.objects.create_user(f"person-{role}")
    role_give(user, role)
    client, column, found = Client(), COLUMNS.index(role), set()
    client.force_login(user)
    for route, rows in table().items():
        if "GET" in rows and rows["GET"][column] == 200 and not route.startswith("/accounts/"):
            for view in VIEWS if not route.startswith("/api/") else ("",):
                answer = client.get(path_of(route, objects) + view, secure=True)
                content = b"".join(answer.streaming_content) if answer.streaming else answer.content
                if REASON in content.decode():
                    found.add(route + view)
    return found


def test_a_viewer_reads_no_reason_and_an_audit_admin_reads_them(site_directory: Path) -> None:
    objects = reasons_write()
    assert places_with_reason(Role.VIEWER, objects) == set()
    seen = places_with_reason(Role.AUDIT_ADMIN, objects)
    assert {
        "/", "/nodes/", "/nodes/?download=csv", "/nodes/?download=json", "/nodes/<uuid:pk>/",
        "/nodes/<uuid:pk>/history/", "/certificates/<uuid:pk>/", "/expiry/", "/expiry/?download=csv", "/expiry/?download=json",
        "/exports/<uuid:pk>/", "/api/v1/nodes/", "/api/v1/nodes/<uuid:pk>/", "/api/v1/nodes/<uuid:pk>/events/", "/api/v1/attention/",
        "/api/v1/expiry/", "/api/v1/audit/", "/api/v1/exports/",
    } - seen == set()  # fmt: skip


def test_a_viewer_sees_what_kinds_of_needs_there_are(site_directory: Path) -> None:
    Node.objects.filter(pk=factories.registered_node().pk).update(state="failed", state_reason=REASON)
    user = User.objects.create_user("eve")
    role_give(user, Role.VIEWER)
    client = Client()
    client.force_login(user)
    page = client.get("/", secure=True).content.decode()
    assert "A registration failed" in page
    (need,) = [
        need for need in client.get("/api/v1/attention/", secure=True).json()["results"] if need["code"] == "node-registration-failed"
    ]
    assert (need["severity"], need["title"], need["text"], need["remedy"], need["subject"]) == ("critical", None, None, None, None)
