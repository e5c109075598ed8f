"""Who an event names beside the actor: the address, and the session, token or certificate of the request."""

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from audit.actors import SYSTEM
from audit.models import Event
from audit.record import record
from audit.request import CredentialKind, address, credential, credential_use, request_began, request_id
from certs.models import TrustZone
from nodes.node_api.peer import CertificateMiddleware
from people.models import ApiToken
from pki.core.verify import fingerprint
from tests import factories
from web.middleware import RequestMiddleware

pytestmark = pytest.mark.django_db
NODE = {"name": "rim", "host_name": "rim.example", "address": "127.0.0.9"}


def made(client: Client, **options: Any) -> dict[str, Any]:
    """The event of a node that `client` creates, as the API shows it."""
    answer = client.post("/api/v1/nodes/", NODE, content_type="application/json", secure=True, **options)
    assert answer.status_code == 201, answer.content
    return Event.objects.get(action="node.created").content


def signed_in(client: Client) -> Event:
    User.objects.create_superuser("ann", password="a password of a test")
    client.post("/accounts/login/", {"login": "ann", "password": "a password of a test"}, secure=True, REMOTE_ADDR="::ffff:192.0.2.7")
    return Event.objects.get(action="person.sign-in")


def test_events_of_a_session_have_the_id_that_its_sign_in_has(client: Client, site_directory: object) -> None:
    first = signed_in(client)
    assert first.address == "192.0.2.7"
    event = made(client, REMOTE_ADDR="2001:db8::7")
    assert (event["address"], event["credential"]) == ("2001:db8::7", first.content["credential"])
    assert event["credential"]["kind"] == "session"
    uuid.UUID(event["credential"]["id"])
    assert client.session.session_key not in str(event)


def test_a_session_of_an_older_version_gets_an_id(client: Client, site_directory: object) -> None:
    signed_in(client)
    session = client.session
    del session["id"]
    session.save()
    event = made(client)
    assert event["credential"]["id"] == client.session["id"]


def test_a_wrong_password_has_an_address_and_no_credential(client: Client) -> None:
    User.objects.create_superuser("ann", password="a password of a test")
    client.post("/accounts/login/", {"login": "ann", "password": "wrong"}, secure=True, REMOTE_ADDR="192.0.2.7")
    event = Event.objects.get(action="person.sign-in", outcome="failed")
    assert (event.address, event.credential) == ("192.0.2.7", "")


def test_events_of_a_token_have_its_id(client: Client, site_directory: object) -> None:
    secret = factories.token(factories.root_admin("robot"), "nightly", at=timezone.now())
    event = made(client, headers={"Authorization": f"Bearer {secret}"})
    assert event["credential"] == {"kind": "token", "id": str(ApiToken.objects.get().pk)}
    assert secret not in str(event)


def test_a_refused_token_is_named(client: Client) -> None:
    secret = factories.token(factories.root_admin("robot"), "nightly", at=timezone.now())
    ApiToken.objects.update(revoked_at=timezone.now())
    client.get("/api/v1/nodes/", headers={"Authorization": f"Bearer {secret}"}, secure=True)
    assert Event.objects.get(action="token.refused").credential == f"token {ApiToken.objects.get().pk}"


def test_events_of_a_node_have_the_fingerprint_of_its_certificate(db: None) -> None:
    zone = TrustZone.objects.create(name="central.example", created_at=timezone.now())

    def view(request: HttpRequest) -> HttpResponse:
        record(actor=SYSTEM, action="test", target=zone, detail={}, now=timezone.now())
        return HttpResponse()

    scope = {"state": {"peer_certificate": b"a certificate"}, "client": ("192.0.2.9", 5)}
    request = RequestFactory().get("/", **{"asgi.scope": scope, "REMOTE_ADDR": "192.0.2.9", "HTTP_X_FORWARDED_FOR": "192.0.2.66"})
    RequestMiddleware(CertificateMiddleware(view))(request)
    event = Event.objects.get()
    assert (event.address, event.credential) == ("192.0.2.9", f"certificate {fingerprint(b'a certificate')}")


def test_nothing_of_a_request_stays_after_it() -> None:
    def shown() -> tuple[str, str, str]:
        return request_id.get(), address.get(), credential.get()

    def failing() -> None:
        with request_began(id="7a6f", address_of_client="192.0.2.1"):
            credential_use(CredentialKind.SESSION, "5e55")
            assert shown() == ("7a6f", "192.0.2.1", "session 5e55")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    credential_use(CredentialKind.SESSION, "5e55")  # outside of a request
    assert shown() == ("", "", "")
