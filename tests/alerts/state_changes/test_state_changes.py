"""State changes reach a webhook once each, in the order of the audit log."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone

from alerts.channels.services import STATE_CHANGES, channel_change, channel_create
from alerts.models import Channel
from alerts.state_changes import services
from alerts.state_changes.events import ACTIONS
from alerts.state_changes.services import TASK, state_changes_start
from audit.actors import SYSTEM
from audit.models import Checkpoint, Event
from audit.record import record
from certs.models import Export
from jobs.models import Job
from jobs.pauses import PAUSES
from jobs.tasks import run
from nodes.models import Node
from tests import factories
from tests.receivers import LOOPBACK, HttpReceiver, http_receiver, status

pytestmark = pytest.mark.django_db
# Actions about these objects that change no state.
NO_CHANGES = {
    "node.changed", "node.browser_certificate_chosen", "node.browser_certificate_taken", "node.caller_found", "node.callers_settled", "renewal.requested",
    "rotation.by_itself", "rotation.excluded", "export.downloaded", "export.archive_wiped", "export.refused",
}  # fmt: skip


@pytest.fixture
def receiver(settings: Any) -> Iterator[HttpReceiver]:
    settings.QMC_OUTBOUND_NETWORKS = LOOPBACK
    with http_receiver() as found:
        yield found


@pytest.fixture
def channel(receiver: HttpReceiver, site_directory: Path) -> Channel:
    """A webhook that gets the changes of nodes and exports from now on."""
    return channel_create(
        actor=SYSTEM, name="inventory", kind="webhook", values={"url": receiver.url}, state_changes=["nodes", "exports"], now=timezone.now()
    )


@pytest.fixture
def node(channel: Channel) -> Node:
    return factories.node(at=timezone.now())


def changed(target: Any, action: str = "node.transition", **detail: str) -> Event:
    return record(actor=SYSTEM, action=action, target=target, detail={"from": "issuing", "to": "failed", **detail}, now=timezone.now())


def work() -> None:
    """The periodic work and the workers do all that is due now."""
    state_changes_start(now=timezone.now())
    for _ in range(9):
        run()


def received(receiver: HttpReceiver) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in receiver.received]


def sequences(receiver: HttpReceiver) -> list[int]:
    return [event["data"]["sequence"] for event in received(receiver)]


def test_each_change_of_the_chosen_kinds_is_sent_once_in_order(receiver: HttpReceiver, node: Node) -> None:
    export: Export = factories.export(at=timezone.now())
    events = [changed(node), changed(export, "export.transition"), changed(node, reason="no answer")]
    changed(node, "node.changed")
    changed(factories.certificate("service", holder_id=node.pk, at=timezone.now()), "certificate.transition")
    work()
    work()
    assert sequences(receiver) == [event.sequence for event in events]
    assert not Job.objects.unfinished().filter(task=TASK).exists()
    last = received(receiver)[-1]
    assert (last["id"], last["type"], last["subject"]) == (str(events[-1].pk), "trust-zone.node.transition", f"nodes.node/{node.pk}")
    assert "possiblerepeat" not in last
    assert last["data"] == {
        "severity": "info", "title": last["data"]["title"], "text": "no answer", "url": "", "sequence": events[-1].sequence,
        "at": events[-1].at.isoformat(), "actor": "system", "action": "node.transition", "outcome": "done", "request_id": "", "address": "", "credential": None,
        "target": {"type": "nodes.node", "id": str(node.pk), "label": str(node)}, "detail": {"from": "issuing", "to": "failed", "reason": "no answer"},
    }  # fmt: skip


def test_a_change_that_is_not_taken_delays_the_later_ones(receiver: HttpReceiver, node: Node, channel: Channel) -> None:
    receiver.respond = status(500)
    events = [changed(node), changed(node)]
    for number, pause in enumerate(PAUSES[:3], 1):
        work()
        channel.refresh_from_db()
        assert (channel.failures, channel.last_sequence < events[0].sequence, channel.sending_sequence) == (number, True, None)
        assert channel.next_attempt_at is not None
        assert timedelta(0) < pause - (channel.next_attempt_at - timezone.now()) < timedelta(seconds=5)
        Channel.objects.update(next_attempt_at=timezone.now())
        Job.objects.update(next_attempt_at=timezone.now())
    receiver.respond = status(204)
    work()
    first, second = (event.sequence for event in events)
    assert sequences(receiver) == [first, first, first, first, second]
    assert not [event for event in received(receiver) if "possiblerepeat" in event]  # it surely did not arrive before
    channel.refresh_from_db()
    assert (channel.failing_since, channel.failures) == (None, 0)


def test_a_change_that_may_have_arrived_is_repeated_with_its_id_and_marked(receiver: HttpReceiver, node: Node) -> None:
    receiver.respond = status(504)
    changed(node), changed(node)
    work()
    receiver.respond = status(500)  # the second attempt surely did not arrive, but the first one may have
    for _ in range(2):
        Channel.objects.update(next_attempt_at=timezone.now())
        Job.objects.update(next_attempt_at=timezone.now())
        work()
        receiver.respond = status(204)
    found = received(receiver)
    assert [event.get("possiblerepeat", False) for event in found] == [False, True, True, False]
    assert len({event["id"] for event in found[:3]}) == 1
    assert found[3]["id"] != found[2]["id"]


def test_a_change_that_a_lost_worker_was_sending_is_marked(receiver: HttpReceiver, node: Node) -> None:
    first, _ = changed(node), changed(node)
    Channel.objects.update(sending_sequence=first.sequence)
    work()
    assert [event.get("possiblerepeat", False) for event in received(receiver)] == [True, False]


def test_other_kinds_that_are_chosen_meanwhile_keep_the_mark(receiver: HttpReceiver, node: Node, channel: Channel) -> None:
    Channel.objects.update(sending_sequence=changed(node).sequence)
    channel_change(actor=SYSTEM, channel=channel, state_changes=["nodes"], now=timezone.now())
    work()
    assert [event.get("possiblerepeat", False) for event in received(receiver)] == [True]


def test_a_disabled_channel_gets_its_changes_when_it_is_enabled(receiver: HttpReceiver, node: Node, channel: Channel) -> None:
    channel_change(actor=SYSTEM, channel=channel, enabled=False, now=timezone.now())
    changed(node)
    work()
    assert received(receiver) == []
    channel_change(actor=SYSTEM, channel=channel, enabled=True, now=timezone.now())
    work()
    assert len(received(receiver)) == 1


@pytest.mark.parametrize("change", ["disabled", "deleted", "without kinds"])
def test_a_job_ends_when_its_channel_gets_no_changes_any_more(receiver: HttpReceiver, node: Node, channel: Channel, change: str) -> None:
    changed(node)
    state_changes_start(now=timezone.now())
    if change == "deleted":
        channel.delete()
    else:
        Channel.objects.update(**{"enabled": False} if change == "disabled" else {"state_changes": []})
    run()
    assert received(receiver) == []
    assert not Job.objects.filter(task=TASK).exists()


def test_a_step_ends_before_its_lease(receiver: HttpReceiver, node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "BEGINS_WITHIN_S", 0.0)
    for _ in range(3):
        changed(node)
    state_changes_start(now=timezone.now())
    run()
    assert (len(received(receiver)), Job.objects.unfinished().filter(task=TASK, lease_until=None).count()) == (0, 1)


def test_a_worker_that_comes_second_sends_nothing_more(receiver: HttpReceiver, node: Node, channel: Channel) -> None:
    """It read the channel before another worker sent the event."""
    changed(node)
    following = services._next(channel)
    work()
    assert following is not None
    assert services._send(channel, following) is False
    assert len(received(receiver)) == 1


def test_a_channel_without_changes_does_not_search_the_whole_log_again(
    receiver: HttpReceiver, node: Node, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "FAR", 2)
    before, read = channel.last_sequence, []
    while len(read) < 4:
        state_changes_start(now=timezone.now())
        read.append(Channel.objects.get().last_sequence - before)
        changed(node, "node.changed")
    assert read == [0, 0, 3, 3]  # the first event is that of the channel itself


def test_a_pause_that_a_person_ended_delays_a_job_by_a_minute_at_most(receiver: HttpReceiver, node: Node, channel: Channel) -> None:
    Channel.objects.update(failures=9, failing_since=timezone.now(), next_attempt_at=timezone.now() + timedelta(hours=1))
    changed(node)
    work()
    job = Job.objects.unfinished().get(task=TASK)
    assert job.next_attempt_at <= timezone.now() + timedelta(minutes=1)
    assert received(receiver) == []


def test_every_action_about_such_an_object_is_a_change_of_state_or_known_to_be_none() -> None:
    assert tuple(ACTIONS) == STATE_CHANGES
    known = frozenset[str]().union(*ACTIONS.values()) | NO_CHANGES
    found = set()
    for app in ("certs", "nodes", "qmc"):
        for path in (Path(django_settings.BASE_DIR) / app).rglob("*.py"):
            found |= set(
                re.findall(r'"((?:node|renewal|certificate|rotation|export|database_key|central_key)\.[a-z_]+)"', path.read_text())
            )
    keys = {"central_key.made", "central_key.rotated", "central_key.finished"}  # central_key.transition says so too
    assert found - keys == known


def test_secrets_that_cannot_be_decrypted_make_the_channel_wait(receiver: HttpReceiver, node: Node, channel: Channel) -> None:
    changed(node)
    other = channel_create(actor=SYSTEM, name="other", kind="webhook", values={"url": receiver.url}, now=timezone.now())
    assert other.secrets is not None
    with connection.cursor() as cursor:  # they belong to another row
        cursor.execute("UPDATE alerts_channel SET secrets = %s WHERE name = 'inventory'", [bytes(other.secrets.sealed)])
    work()
    channel.refresh_from_db()
    assert (channel.failures, channel.sending_sequence) == (1, None)
    assert "cannot be decrypted" in channel.last_error


class TestCheckpoints:
    """The checkpoints of the audit log, for a channel that chose them."""

    @pytest.fixture
    def follower(self, channel: Channel) -> Channel:
        self.signed(1)
        return channel_change(actor=SYSTEM, channel=channel, state_changes=["nodes", "checkpoints"], now=timezone.now())

    def signed(self, number: int, line: str = "a.b.c") -> None:
        Checkpoint.objects.create(number=number, sequence=number, digest="00", at=timezone.now(), line=line)

    def test_each_is_sent_once_after_the_changes_before_it(self, receiver: HttpReceiver, node: Node, follower: Channel) -> None:
        event = changed(node)
        self.signed(2, "x.y.z")
        self.signed(3, "")
        work()
        work()
        first, second = received(receiver)
        assert (first["data"]["sequence"], second["type"], second["subject"]) == (
            event.sequence,
            "trust-zone.audit.checkpoint",
            "audit.checkpoint/2",
        )
        assert {name: second["data"][name] for name in ("number", "sequence", "digest", "line")} == {
            "number": 2, "sequence": 2, "digest": "00", "line": "x.y.z",
        }  # fmt: skip
        Checkpoint.objects.filter(number=3).update(line="1.2.3")
        work()
        assert [message["subject"] for message in received(receiver)[2:]] == ["audit.checkpoint/3"]

    def test_one_that_a_lost_worker_was_sending_is_marked(self, receiver: HttpReceiver, follower: Channel) -> None:
        self.signed(2)
        self.signed(3, "3.3.3")
        Channel.objects.update(sending_checkpoint=2)
        work()
        assert [message.get("possiblerepeat", False) for message in received(receiver)] == [True, False]
        assert len({message["id"] for message in received(receiver)}) == 2

    def test_one_that_is_not_taken_is_sent_again(self, receiver: HttpReceiver, follower: Channel) -> None:
        receiver.respond = status(500)
        self.signed(2)
        work()
        receiver.respond = status(204)
        Channel.objects.update(next_attempt_at=timezone.now())
        Job.objects.update(next_attempt_at=timezone.now())
        work()
        assert [message["subject"] for message in received(receiver)] == ["audit.checkpoint/2"] * 2
        assert Channel.objects.get().last_checkpoint == 2

    def test_a_channel_that_did_not_choose_them_gets_none(self, receiver: HttpReceiver, channel: Channel) -> None:
        self.signed(1)
        work()
        assert received(receiver) == []
