"""The list of certificates names each by its holder, and leads to holders and issuers."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from certs.models import Certificate
from people.roles.groups import role_give
from people.roles.registry import Role
from tests import factories


@pytest.fixture
def root(site_directory: Path) -> Certificate:
    return Certificate.objects.get(kind="root", status="issued")


def certificates(client: Client) -> str:
    answer = client.get("/certificates/?search=rim1&status=all", secure=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_client_certificates_are_named_by_their_holder_and_lead_to_it_and_to_their_issuer(root: Certificate) -> None:
    now, client = timezone.now(), factories.administrator()
    node, export = factories.node("rim1", at=now), factories.export("rim1-reports.example", at=now)
    made = {"subject": "CN=QlikClient", "issuer": root, "der": root.der}
    of_node = factories.certificate("client", holder_id=node.pk, holder="rim1.example", at=now, **made)
    factories.certificate("client", holder_id=export.pk, holder="export rim1-reports.example", at=now, **made)
    page = certificates(client)
    assert "Client certificate of rim1.example</a>" in page
    assert "Meaning of Holder" in page
    assert "The node or the machine that a certificate was made for." in page
    assert f'<a href="/nodes/{node.pk}/">rim1</a>' in page
    assert f'<a href="/exports/{export.pk}/">rim1-reports.example</a>' in page
    assert f'<a href="/certificates/{root.pk}/">{root.subject}</a>' in page
    page = client.get(f"/certificates/{of_node.pk}/", secure=True).content.decode()
    assert "<h1>Client certificate of rim1.example</h1>" in page
    assert f'<a href="/nodes/{node.pk}/">node rim1</a>' in page


def test_a_holder_that_the_reader_may_not_open_is_a_text(root: Certificate) -> None:
    now, client, viewer = timezone.now(), Client(), User.objects.create_user("vic")
    role_give(viewer, Role.VIEWER)
    client.force_login(viewer)
    export = factories.export("rim1-reports.example", at=now)
    factories.certificate("client", holder_id=export.pk, holder="export rim1-reports.example", at=now, issuer=root)
    page = certificates(client)
    assert "export rim1-reports.example" in page
    assert "/exports/" not in page
