"""Channels are created, changed and deleted with their secrets encrypted, and the audit log has no secret."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from alerts.channels.kinds import KINDS
from alerts.channels.services import channel_change, channel_create, channel_delete, channel_values
from alerts.errors import InputInvalid
from alerts.models import Channel
from audit.actors import SYSTEM, Actor, PermissionRefused
from audit.event_lines import line
from audit.models import Event, Head
from sealing.fields import Sealed

pytestmark = pytest.mark.django_db
MAIL = {
    "recipients": "ops@site.example",
    "sender": "alerts@site.example",
    "host": "mail.example",
    "username": "ann",
    "password": "s3cret-words",
}
HOOK = {"url": "https://hooks.example/in"}


def created(name: str = "Mail", kind: str = "mail", values: Any = MAIL, **fields: Any) -> Channel:
    return channel_create(actor=SYSTEM, name=name, kind=kind, values=values, now=timezone.now(), **fields)


def changed(channel: Channel, **changes: Any) -> Channel:
    return channel_change(actor=SYSTEM, channel=channel, now=timezone.now(), **changes)


def refused(**fields: Any) -> dict[str, list[str]]:
    with pytest.raises(InputInvalid) as caught:
        created(**fields)
    assert Channel.objects.filter(name=fields.get("name", "Mail")).count() == 0
    return caught.value.errors


def test_a_channel_has_its_secrets_encrypted(site_directory: Any) -> None:
    channel = created()
    stored = Channel.objects.get()
    assert stored.values == {
        "recipients": "ops@site.example", "sender": "alerts@site.example", "host": "mail.example", "port": "587", "security": "starttls",
        "username": "ann", "ca": "",
    }  # fmt: skip
    assert b"s3cret" not in stored.secrets.sealed
    assert "s3cret" not in repr(stored.__dict__)
    assert channel_values(stored) == stored.values | {"password": "s3cret-words"} == channel_values(channel)


def test_events_of_channels_name_fields_and_no_secrets(site_directory: Any) -> None:
    channel = created("Hook", "webhook", HOOK, state_changes=["nodes"])
    changed(channel, name="Hook 2", enabled=False, values={"secret": "whsec_" + "QUFB" * 10})
    channel_delete(actor=SYSTEM, channel=channel, now=timezone.now())
    channel_delete(actor=SYSTEM, channel=channel, now=timezone.now())
    events = list(Event.objects.filter(target_type="alerts.channel").order_by("sequence"))
    assert [(event.action, event.detail) for event in events] == [
        ("channel.created", {"kind": "webhook", "enabled": True, "state_changes": ["nodes"]}),
        ("channel.changed", {"fields": ["name", "enabled", "secret"]}),
        ("channel.deleted", {"kind": "webhook"}),
    ]
    assert [line(event).text for event in events] == [
        "Channel created (webhook), which also sends nodes",
        "Channel changed: name, enabled, secret",
        "Channel deleted (webhook)",
    ]


def test_invalid_input_is_refused_by_field(site_directory: Any) -> None:
    created()
    for name in ("", " Mail", "x" * 101, "a\nb"):
        assert "1 to 100 printable" in refused(name=name)["name"][0]
    with pytest.raises(InputInvalid, match="already exists"):
        created("MAIL")
    assert "The kinds are: " in refused(name="x", kind="pigeon")["kind"][0]
    assert "Its fields are: url, token" in refused(name="x", kind="webhook", values=HOOK | {"hots": "1"})["hots"][0]
    assert refused(name="x", values={}).keys() == {"recipients", "sender", "host"}
    assert refused(name="", values=MAIL | {"port": "0"}, state_changes=["nodes"]).keys() == {"name", "port", "state_changes"}
    with pytest.raises(InputInvalid) as caught:
        changed(Channel.objects.get(), name="", values={"port": "0", "password": "again"}, state_changes=["nodes"])
    assert caught.value.errors.keys() == {"name", "port", "state_changes"}
    assert "Choose one of: starttls, tls, none." in refused(name="x", values=MAIL | {"security": "ssl"})["security"][0]
    assert "printable" in refused(name="x", values=MAIL | {"host": "mail\r\n.example"})["host"][0]
    assert "at most 50000" in refused(name="x", values=MAIL | {"ca": "x" * 50_001})["ca"][0]


def test_a_secret_stays_until_another_one_is_given_or_it_is_removed(site_directory: Any) -> None:
    channel = changed(created(), values={"password": "", "recipients": "night@site.example"})
    assert (channel_values(channel)["password"], channel.values["recipients"]) == ("s3cret-words", "night@site.example")
    channel = changed(channel, values={"password": "other-words"})
    assert channel_values(Channel.objects.get())["password"] == "other-words"
    with pytest.raises(InputInvalid, match="Enter the password"):
        changed(channel, values={"password": None})
    channel = changed(channel, values={"username": "", "password": None})
    assert channel_values(channel)["password"] == ""


def test_a_secret_is_not_sent_to_another_place(site_directory: Any) -> None:
    """Who may change a channel cannot learn its password with another mail server."""
    channel = created()
    for values in ({"host": "evil.example"}, {"port": "2525"}, {"host": "evil.example", "password": ""}):
        with pytest.raises(InputInvalid) as caught:
            changed(channel, values=values)
        assert caught.value.errors == {"password": ["The place that it is sent to has changed. Enter it again."]}
    assert Channel.objects.get().values["host"] == "mail.example"
    assert changed(channel, values={"host": "mail2.example", "password": "again"}).values["host"] == "mail2.example"
    hook = created("Hook", "webhook", HOOK | {"token": "t0ken"})
    with pytest.raises(InputInvalid, match="Enter it again"):
        changed(hook, values={"url": "https://evil.example/"})
    secret = channel_values(hook)["secret"]
    hook = changed(hook, values={"url": "https://hooks2.example/", "token": None})
    assert channel_values(hook) == {"url": "https://hooks2.example/", "token": "", "secret": secret, "ca": ""}


def test_secrets_that_cannot_be_decrypted_are_entered_again(site_directory: Any) -> None:
    """As after the central key was lost. The channel need not be made again."""
    mail, hook = created(), created("Hook", "webhook", HOOK)
    Channel.objects.filter(pk=mail.pk).update(secrets=Sealed(hook.secrets.sealed))  # of another row
    mail = Channel.objects.get(pk=mail.pk)
    assert changed(mail, name="Mail 2").name == "Mail 2"
    with pytest.raises(InputInvalid, match="Enter the password"):
        changed(mail, values={"recipients": "night@site.example"})
    changed(mail, values={"recipients": "night@site.example", "password": "again"})
    assert channel_values(Channel.objects.get(pk=mail.pk))["password"] == "again"


def test_a_webhook_gets_a_signing_secret_once(site_directory: Any) -> None:
    first, second = created("One", "webhook", HOOK), created("Two", "webhook", HOOK)
    assert channel_values(first)["secret"].startswith("whsec_")
    assert channel_values(first)["secret"] != channel_values(second)["secret"]
    assert channel_values(changed(first, enabled=False, values={"url": "https://x.example/"}))["secret"] == channel_values(first)["secret"]


def test_a_change_tries_the_channel_again_at_once(site_directory: Any) -> None:
    channel = created()
    Channel.objects.update(next_attempt_at=timezone.now() + timedelta(hours=1), failures=7)
    assert changed(channel).next_attempt_at is not None
    assert Event.objects.filter(action="channel.changed").count() == 0
    assert changed(channel, values={"port": "25", "password": "again"}).next_attempt_at is None
    assert Channel.objects.get().failures == 7


def test_changes_of_state_begin_with_the_next_event(site_directory: Any) -> None:
    hook = created("Hook", "webhook", HOOK)
    assert hook.state_changes == []
    hook = changed(hook, state_changes=["exports", "nodes", "nodes"])
    end = Head.objects.get().sequence
    assert (hook.state_changes, hook.last_sequence) == (["nodes", "exports"], end - 1)
    assert Event.objects.get(sequence=end).action == "channel.changed"
    assert changed(hook, state_changes=["nodes"]).last_sequence == end - 1
    changed(hook, state_changes=[])
    assert changed(hook, state_changes=["nodes"]).last_sequence == end + 2


def test_changes_of_state_are_for_webhooks(site_directory: Any) -> None:
    assert "Only webhooks" in refused(state_changes=["nodes"])["state_changes"][0]
    assert "Choose from: nodes, certificates" in refused(kind="webhook", values=HOOK, state_changes=["people"])["state_changes"][0]


def test_another_person_deleted_it_meanwhile(site_directory: Any) -> None:
    channel = created()
    channel_delete(actor=SYSTEM, channel=channel, now=timezone.now())
    with pytest.raises(InputInvalid, match="has deleted this channel"):
        changed(channel, name="x")


def test_each_operation_requires_its_permission(site_directory: Any) -> None:
    channel, eve = created(), Actor("user", "eve", User.objects.create_user("eve"))
    now = timezone.now()
    for operation, permission in {
        lambda: channel_create(actor=eve, name="x", kind="mail", values=MAIL, now=now): "add",
        lambda: channel_change(actor=eve, channel=channel, name="x", now=now): "change",
        lambda: channel_delete(actor=eve, channel=channel, now=now): "delete",
    }.items():
        with pytest.raises(PermissionRefused, match="It needs the role RootAdmin") as refused:
            operation()
        assert refused.value.permission == f"alerts.{permission}_channel"


def test_every_kind_explains_itself_and_each_of_its_fields() -> None:
    for kind in KINDS.values():
        assert kind.explanation.endswith(".")
        names = [field.name for field in kind.fields]
        assert len(set(names)) == len(names)
        for field in kind.fields:
            assert field.help_text.endswith("."), (kind.name, field.name)
            assert set(field.sent_to) <= set(names)
            assert not field.choices or field.default in {*field.choices, ""}
    assert json.dumps([kind.label for kind in KINDS.values()])
