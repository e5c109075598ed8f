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


def lifetime() -> tuple[str, Fields, Fields]:
    return "/settings/lifetime/", {"months": 24}, {"months": 36}


def key_types() -> tuple[str, Fields, Fields]:
    fields = {"root": "EC P-384", "service": "RSA-3072", "cluster": "RSA-3072"}
    return "/settings/key-types/", fields | {"client": "EC P-384"}, fields | {"client": "RSA-2048"}


def calls() -> tuple[str, Fields, Fields]:
    return "/settings/calls/", {"least_s": 30, "most_s": 700}, {"least_s": 30, "most_s": 800}


def rules_of_roles() -> tuple[str, Fields, Fields]:
    return "/people/roles/", {"roles": ["AuditAdmin"]}, {"roles": ["Viewer"]}


def appearance() -> tuple[str, Fields, Fields]:
    fields = {"time_zone": "", "theme": "dark"}
    return "/account/appearance/", fields | {"date_form": "iso"}, fields | {"date_form": "dots"}


def schedule() -> tuple[str, Fields, Fields]:
    fields = {"every": "week", "weekday": 3, "hour": 4}
    return "/backups/schedule/", fields | {"keep": 11}, fields | {"keep": 22}


def browser_choice() -> tuple[str, Fields, Fields]:
    made = factories.registered_node()
    return f"/nodes/{made.pk}/browser-certificate/", {"thumbprint": "1a" * 20}, {"thumbprint": "2b" * 20}


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


THINGS = [
    connection, node, deployment, receiver, roles, lifetime, key_types, calls, rules_of_roles, appearance, schedule, browser_choice
]  # fmt: skip


@pytest.mark.parametrize("thing", THINGS)
def test_the_second_person_sees_both_values(thing: Callable[[], tuple[str, Fields, Fields]], ann: Client) -> None:
    path, first, second = thing()
    read = {"version": version(ann.get(path, secure=True).content.decode())}
    assert ann.post(path, first | read, secure=True).status_code < 400
    assert ann.post(path, first | read, secure=True).status_code < 400, "the same form sent twice is no conflict"
    refused = ann.post(path, second | read, secure=True)
    page = refused.content.decode()
    assert (refused.status_code, "This was changed after you opened the page" in page) == (409, True)
    row = page[page.index("Saved now") :]
    (name,) = (name for name in first if first[name] != second[name])
    assert all(str(fields[name]).strip("[]'") in row for fields in (first, second))
    assert ann.post(path, second | {"version": version(page)}, secure=True).status_code < 400


def test_a_wrong_field_does_not_hide_the_conflict(ann: Client) -> None:
    path, first, second = connection()
    read = {"version": version(ann.get(path, secure=True).content.decode())}
    answer = ann.post(path, first | read, secure=True)
    assert answer.status_code == 302
    page = ann.post(path, second | read | {"name": ""}, secure=True)
    assert (page.status_code, "This was changed after you opened the page" in page.content.decode()) == (409, True)
