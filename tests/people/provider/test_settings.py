"""The settings of the provider: who changes them, what is refused, and the secret that nothing shows."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from audit.actors import SYSTEM
from audit.models import Event
from people.provider.models import IdentityProvider, provider_current, provider_enabled
from people.provider.services import provider_save
from tests import factories
from web.errors import InputInvalid

pytestmark = pytest.mark.django_db
PAGE, API, SECRET = "/settings/provider/", "/api/v1/settings/identity-provider/", "the-client-secret"
GIVEN = {"name": "Company", "issuer": "https://login.example/realms/company", "client_id": "console", "client_secret": SECRET}
FORM = GIVEN | {"scopes": "openid profile", "name_claim": "preferred_username", "groups_claim": "groups", "creates_people": "on"}


@pytest.fixture(autouse=True)
def site(site_directory: Path) -> None:
    """The central key."""


def saved(**changes: Any) -> IdentityProvider:
    return provider_save(actor=SYSTEM, now=timezone.now(), **GIVEN | changes)


def send(client: Client, method: str, body: Any = None) -> Any:
    return client.generic(method, API, json.dumps(body or {}), content_type="application/json", secure=True)


def test_page_and_api_save_the_same_and_show_no_secret() -> None:
    ann = factories.administrator()
    page = ann.post(PAGE, FORM | {"groups_of_RootAdmin": "admins\n", "groups_of_Viewer": "CN=Staff,OU=All\nadmins"}, secure=True)
    assert (page.status_code, page["Location"]) == (302, f"{PAGE}?saved")
    shown = send(ann, "GET").json()
    rows = [
        {"group": "admins", "role": "RootAdmin"},
        {"group": "CN=Staff,OU=All", "role": "Viewer"},
        {"group": "admins", "role": "Viewer"},
    ]
    assert (shown["roles"], shown["client_secret_set"], shown["enabled"]) == (rows, True, False)
    changed = send(ann, "PUT", {"enabled": True, "client_secret": "another secret"})
    assert (changed.status_code, changed.json()["enabled"], changed.json()["roles"]) == (200, True, rows)
    answers = [ann.get(PAGE, secure=True).content, send(ann, "GET").content, changed.content]
    details = json.dumps([event.detail for event in Event.objects.filter(action="provider.changed")])
    assert len(Event.objects.filter(action="provider.changed")) == 2
    assert not [found for found in (*map(bytes.decode, answers), details) if SECRET in found or "another secret" in found]
    row = provider_enabled()
    assert row is not None
    assert row.client_secret.text() == "another secret"
    assert SECRET not in str(vars(row))


def test_before_it_is_saved_nothing_is_enabled() -> None:
    assert send(factories.administrator(), "GET").json()["issuer"] == ""
    assert (provider_current(), provider_enabled()) == (None, None)


@pytest.mark.parametrize("role", ["SecurityAdmin", "DeploymentAdmin", "AuditAdmin", "Viewer"])
def test_other_roles_neither_see_nor_change_it(client: Client, role: str) -> None:
    user = factories.root_admin("eve")
    user.groups.set([])
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    for answer in (client.get(PAGE, secure=True), client.post(PAGE, FORM, secure=True), send(client, "GET"), send(client, "PUT", GIVEN)):
        assert answer.status_code == 403
    assert provider_current() is None


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "http": ({"issuer": "http://login.example"}, "issuer", "https://"),
    "no url": ({"issuer": "login.example"}, "issuer", "Enter a URL"),
    "a password in the url": ({"issuer": "https://a:b@login.example"}, "issuer", "Remove the user name"),
    "the document": ({"issuer": "https://login.example/.well-known/openid-configuration"}, "issuer", "without /.well-known"),
    "a query": ({"issuer": "https://login.example/?x=y"}, "issuer", "Remove what follows"),
    "no name": ({"name": ""}, "name", "1 to 60"),
    "spaces": ({"client_id": " console"}, "client_id", "spaces"),
    "no openid": ({"scopes": ["profile"]}, "scopes", "openid"),
    "a scope with a space": ({"scopes": ["openid", "a b"]}, "scopes", "different scopes"),
    "a host with a path": ({"further_hosts": ["graph.example/x"]}, "further_hosts", "host names"),
    "a private key": ({"authorities": "-----BEGIN PRIVATE KEY-----"}, "authorities", "private key"),
    "no certificate": ({"authorities": "certificate"}, "authorities", "PEM"),
    "no role": ({"roles": [{"group": "a", "role": "King"}]}, "roles", "King"),
    "an empty group": ({"roles": [{"group": "", "role": "Viewer"}]}, "roles", "1 to 300"),
    "a row twice": ({"roles": [{"group": "a", "role": "Viewer"}] * 2}, "roles", "once"),
    "a secret that is not ASCII": ({"client_secret": "schlüssel"}, "client_secret", "ASCII"),
    "no secret": ({"client_secret": ""}, "client_secret", "Enter the client secret"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_work_is_refused_with_the_remedy(name: str) -> None:
    changes, field, text = WRONG[name]
    with pytest.raises(InputInvalid) as refused:
        saved(**changes)
    assert list(refused.value.errors) == [field]
    assert text in str(refused.value)
    assert (provider_current(), Event.objects.filter(action="provider.changed").count()) == (None, 0)


def test_a_provider_on_localhost_may_have_http() -> None:
    assert saved(issuer="http://localhost:4455").issuer == "http://localhost:4455"


def test_the_secret_stays_with_its_issuer() -> None:
    """Otherwise a person who may change the settings could have it sent elsewhere."""
    saved()
    with pytest.raises(InputInvalid, match="Enter the client secret again"):
        provider_save(actor=SYSTEM, now=timezone.now(), issuer="https://other.example")
    assert saved(issuer="https://other.example").issuer == "https://other.example"
    assert provider_save(actor=SYSTEM, now=timezone.now(), name="Firm").client_secret.text() == SECRET


def test_a_refused_form_keeps_what_was_typed() -> None:
    answer = factories.administrator().post(PAGE, FORM | {"issuer": "http://login.example", "groups_of_Viewer": "all-staff"}, secure=True)
    page = answer.content.decode()
    assert (answer.status_code, "Not saved" in page, "all-staff" in page) == (400, True, True)
    assert "http://login.example" in page
    assert SECRET not in page
