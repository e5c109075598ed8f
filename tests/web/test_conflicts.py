"""Two people change one thing: the second one is not saved, sees both values, and can decide."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from audit.actors import SYSTEM
from nodes.cluster.deployments import deployment_create
from nodes.connections.services import connection_create
from people.accounts.services import person_create
from people.roles.groups import role_give
from people.roles.registry import Role
from qmc.syslog.services import receiver_create
from tests import factories

pytestmark = pytest.mark.django_db
Fields = dict[str, Any]


def connection() -> tuple[str, Fields, Fields]:
    made = connection_create(actor=SYSTEM, now=timezone.now(), name="Sales", type="odbc", connection_string="DSN=sales")
    fields = {"name": "Sales", "type": "odbc", "connection_string": "DSN=sales"}
    return f"/connections/{made.pk}/", fields | {"username": "first-reader"}, fields | {"username": "second-reader"}


def node() -> tuple[str, Fields, Fields]:
    made = factories.registered_node()
    fields = {"name": made.name, "address": made.address, "distribution_port": 4444, "node_port": 4242}
    return f"/nodes/{made.pk}/edit/", fields | {"notes": "ask the first team"}, fields | {"notes": "ask the second team"}


def deployment() -> tuple[str, Fields, Fields]:
    made = deployment_create(actor=SYSTEM, now=timezone.now(), name="cloud", api_address="https://cloud.example", audience="cloud.example")
    fields = {"name": "cloud", "api_address": "https://cloud.example"}
    return f"/cluster/deployments/{made.pk}/", fields | {"audience": "first.example"}, fields | {"audience": "second.example"}


def receiver() -> tuple[str, Fields, Fields]:
    made = receiver_create(actor=SYSTEM, name="archive", host="logs.example", enabled=False, now=timezone.now())
    return f"/settings/syslog/{made.pk}/", *(
        {"name": "archive", "host": f"{name}.logs.example", "port": "6514"} for name in ("first", "second")
    )


def roles() -> tuple[str, Fields, Fields]:
    person, _ = person_create(actor=SYSTEM, username="mia", roles=["Viewer"], now=timezone.now())
    return f"/people/{person.pk}/", {"roles": ["AuditAdmin"]}, {"roles": ["SecurityAdmin"]}


@pytest.fixture
def ann(client: Client, site_directory: Path) -> Client:
    user = User.objects.create_superuser("ann", password="a long password")
    role_give(user, Role.ROOT_ADMIN)
    client.force_login(user)
    return client


def version(page: str) -> str:
    found = re.search(r'name="version" value="([0-9a-f]{32})"', page)
    assert found
    return found[1]


@pytest.mark.parametrize("thing", [connection, node, deployment, receiver, roles])
def test_the_second_person_sees_both_values(thing: Callable[[], tuple[str, Fields, Fields]], ann: Client) -> None:
    path, first, second = thing()
    read = {"version": version(ann.get(path, secure=True).content.decode())}
    answer = ann.post(path, first | read, secure=True)
    assert answer.status_code == 302
    assert ann.post(path, first | read, secure=True).status_code == 302, "the same form sent twice is no conflict"
    refused = ann.post(path, second | read, secure=True)
    page = refused.content.decode()
    assert (refused.status_code, "Another person changed this" in page) == (409, True)
    row = page[page.index("Saved now") :]
    (name,) = (name for name in first if first[name] != second[name])
    assert all(str(fields[name]).strip("[]'") in row for fields in (first, second))
    assert ann.post(path, second | {"version": version(page)}, secure=True).status_code == 302


def test_a_wrong_field_does_not_hide_the_conflict(ann: Client) -> None:
    path, first, second = connection()
    read = {"version": version(ann.get(path, secure=True).content.decode())}
    answer = ann.post(path, first | read, secure=True)
    assert answer.status_code == 302
    page = ann.post(path, second | read | {"name": ""}, secure=True)
    assert (page.status_code, "Another person changed this" in page.content.decode()) == (409, True)
