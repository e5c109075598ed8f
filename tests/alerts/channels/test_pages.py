"""Pages of channels: the form of each kind, secrets that are never shown again, and what a deletion touches."""

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from alerts.channels.kinds import KINDS
from alerts.channels.services import channel_values
from alerts.models import Channel, Delivery, QueuedMessage, Route
from alerts.states import DeliveryState
from jobs.models import Job
from tests import factories
from tests.alerts.board.test_list import asked
from tests.alerts.routes.test_pages import posted

pytestmark = pytest.mark.django_db
NEW = "/alerts/channels/new/"
MAIL = {
    "name": "Mail to operations", "recipients": "ops@site.example", "sender": "alerts@site.example", "host": "mail.site.example", "port": "587",
    "security": "starttls", "username": "alerts", "password": "correct horse", "enabled": "on",
}  # fmt: skip
HOOK = {"name": "Monitoring", "url": "https://hooks.site.example/x", "enabled": "on"}


@pytest.fixture
def client() -> Client:
    return factories.administrator()


def page_of(channel: Channel) -> str:
    return f"/alerts/channels/{channel.pk}/"


def test_every_kind_can_be_chosen_and_has_its_form(client: Client) -> None:
    chosen = asked(client, NEW)
    assert KINDS
    for name, kind in KINDS.items():
        assert f'href="?kind={name}"' in chosen
        form = asked(client, f"{NEW}?kind={name}")
        assert all(f'name="{field.name}"' in form for field in kind.fields)
    assert "Choose where alerts are sent to." in asked(client, f"{NEW}?kind=pigeon")


def test_a_channel_is_created_and_its_password_never_shown(client: Client) -> None:
    status, page = posted(client, f"{NEW}?kind=mail", **MAIL)
    assert status == 200
    assert "Saved. Send a test message" in page
    assert "It is set. Leave this field empty to keep it." in page
    assert "correct horse" not in page
    made = Channel.objects.get()
    assert channel_values(made)["password"] == "correct horse"
    status, page = posted(client, page_of(made), **MAIL | {"name": "Mail", "password": ""})
    made.refresh_from_db()
    assert (made.name, channel_values(made)["password"]) == ("Mail", "correct horse")
    status, page = posted(client, page_of(made), **MAIL | {"password": "", "username": "", "clear_password": "on"})
    made.refresh_from_db()
    assert (status, channel_values(made)["password"]) == (200, "")
    assert "Mail · ops@site.example" in asked(client, "/alerts/channels/")


def test_what_was_typed_is_kept_when_a_channel_is_refused_except_secrets(client: Client) -> None:
    status, page = posted(client, f"{NEW}?kind=mail", **MAIL | {"port": "99999", "recipients": "nobody"})
    assert status == 400
    assert "Enter a port from 1 to 65535." in page
    assert "“nobody” is not a mail address" in page
    assert 'value="mail.site.example"' in page
    assert "enter the secrets again, because they are not kept" in page
    assert "correct horse" not in page
    assert not Channel.objects.exists()


def test_a_generated_secret_is_shown_once(client: Client) -> None:
    answer = client.post(f"{NEW}?kind=webhook", HOOK, secure=True)
    made = Channel.objects.get()
    secret = channel_values(made)["secret"]
    assert answer["Cache-Control"] == "no-store"
    assert f">{secret}</code>" in answer.content.decode()
    assert secret not in asked(client, page_of(made))
    answer = client.post(page_of(made), HOOK | {"clear_secret": "on"}, secure=True)
    made.refresh_from_db()
    another = channel_values(made)["secret"]
    assert another != secret
    assert f">{another}</code>" in answer.content.decode()
    answer = client.post(page_of(made), HOOK | {"state_changes": ["nodes"]}, secure=True)
    assert answer.status_code == 302
    made.refresh_from_db()
    assert (made.state_changes, channel_values(made)["secret"]) == (["nodes"], another)


def test_a_secret_is_either_entered_or_removed(client: Client) -> None:
    client.post(f"{NEW}?kind=webhook", HOOK | {"token": "one"}, secure=True)
    status, page = posted(client, page_of(Channel.objects.get()), **HOOK | {"token": "two", "clear_token": "on"})
    assert status == 400
    assert "Clear the checkbox or the field." in page


def test_a_deletion_names_what_it_touches(client: Client) -> None:
    now = timezone.now()
    mail = factories.channel("Mail", at=now)
    Route.objects.create(channel=mail, least_severity="critical", created_at=now)
    QueuedMessage.objects.create(message=factories.message(factories.alert(at=now), at=now), channel=mail, due_at=now)
    page = asked(client, page_of(mail) + "remove/")
    assert "Its route: Critical alerts go to Mail at any hour." in page
    assert "1 queued message" in page
    posted(client, page_of(mail) + "remove/")
    assert not Channel.objects.exists()


def test_a_test_message_is_queued_and_its_page_follows_it(client: Client) -> None:
    client.post(f"{NEW}?kind=webhook", HOOK, secure=True)
    made = Channel.objects.get()
    status, page = posted(client, page_of(made) + "test/")
    delivery = Delivery.objects.get()
    assert (status, delivery.is_test, delivery.state) == (200, True, DeliveryState.WAITING)
    assert Job.objects.filter(subject=made.pk).exists()
    assert "A worker sends it in a moment." in page
    assert 'data-live="2"' in page
    Delivery.objects.update(state=DeliveryState.FAILED, error="hooks.site.example answered HTTP 500. Check the receiver and its log.")
    page = asked(client, f"/alerts/deliveries/{delivery.pk}/")
    assert "Check the receiver and its log." in page
    assert "send another test message" in page
    assert 'data-live="2"' not in page


def test_a_failing_channel_says_why_and_when_it_is_tried_again(client: Client) -> None:
    now = timezone.now()
    failing = factories.channel("Mail", at=now, failing_since=now, failures=3, last_error="The server refused.", next_attempt_at=now)
    page = asked(client, page_of(failing))
    assert "The server refused." in page
    assert "Tried 3 times." in page
    assert re.search("The next attempt is due <time", page)


@pytest.mark.parametrize("fields", [{"kind": "gone"}, {"values": {"odd": "x"}}, {"secrets": None, "kind": "mail"}])
def test_what_is_stored_breaks_no_page(client: Client, fields: dict[str, Any]) -> None:
    odd = factories.channel("Odd", at=timezone.now(), **fields)
    for path in (
        "/alerts/channels/",
        page_of(odd),
        page_of(odd) + "remove/",
        "/alerts/",
        "/alerts/preview/?code=node-silent&severity=critical",
    ):
        asked(client, path)


def test_a_field_that_an_earlier_version_did_not_store_breaks_no_page(client: Client) -> None:
    channel = factories.channel(at=timezone.now())
    for page in ("", "remove/", "deliveries/"):
        assert client.get(page_of(channel) + page).status_code == 200
    assert b"whsec_" in client.post(page_of(channel), HOOK | {"name": "changed"}).content  # it had no secret
    channel.refresh_from_db()
    assert (channel.name, channel_values(channel)["url"]) == ("changed", HOOK["url"])
