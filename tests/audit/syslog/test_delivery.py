"""The audit log at a syslog receiver: everything, in order, over outages, restarts and logs that were replaced."""

import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from django.db import connection

from audit.actors import SYSTEM
from audit.models import Checkpoint, Event, Head, SyslogReceiver
from audit.record import record
from audit.retention.services import still_needed
from audit.syslog import services
from audit.syslog.services import TASK, batch_after, deliveries_start, receiver_advance, still_undelivered
from certs.models import TrustZone
from jobs.models import Job
from jobs.registry import Retry
from pki.core.pair import Pair
from pki.core.roles import Kind
from pki.evidence.events import RecordedEvent, digest_of
from sitekit.authority import Authority
from tests.receivers import LOOPBACK
from tests.syslog_receivers import DRIVERS, Ending, Rsyslog, TlsReceiver, rsyslog, tls_receiver

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    return authority.pair(Kind.SERVER, names=("localhost",))


@pytest.fixture(scope="module")
def ca(authority: Authority) -> str:
    return authority.certificate.public_bytes(Encoding.PEM).decode()


class Clock:
    """The clock of the worker, which is moved instead of waiting."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = NOW
        monkeypatch.setattr(services, "timezone", SimpleNamespace(now=lambda: self.now))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Clock:
    settings.QMC_OUTBOUND_NETWORKS = LOOPBACK
    return Clock(monkeypatch)


@pytest.fixture
def zone() -> TrustZone:
    return TrustZone.objects.create(name="central.example", created_at=NOW)


def written(zone: TrustZone, count: int, **detail: Any) -> None:
    for number in range(count):
        record(actor=SYSTEM, action="test", target=zone, detail={"number": number, **detail}, now=NOW)


def checkpoint() -> Checkpoint:
    last, number = Event.objects.latest("sequence"), Checkpoint.objects.count() + 1
    return Checkpoint.objects.create(
        number=number, sequence=last.sequence, digest=last.digest, at=NOW, line=f"checkpoint.{number}.{last.sequence}"
    )


def added(port: int, ca: str, **fields: Any) -> SyslogReceiver:
    plain = {"name": "archive", "host": "localhost", "port": port, "ca": ca, "created_at": NOW, "changed_at": NOW}
    return SyslogReceiver.objects.create(**plain | fields)


def advance(clock: Clock) -> str:
    """What a worker does now. Returns why it waits; "" if it does not."""
    deliveries_start(now=clock.now)
    for job in Job.objects.unfinished().filter(task=TASK):
        try:
            receiver_advance(job=job)
        except Retry as exc:
            return str(exc)
    return ""


def sequences(messages: list[bytes]) -> list[int]:
    """The sequence numbers of the events. Each of them is whole."""
    events = [RecordedEvent.from_line(message.decode().partition("] ")[2]) for message in messages if b"[meta " in message]
    assert all(digest_of(event) == event.digest for event in events)
    return [event.sequence for event in events]


def test_each_event_and_each_checkpoint_arrives_once_in_order(
    zone: TrustZone, clock: Clock, pair: Pair, ca: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "MOST", 20)
    with tls_receiver(pair) as receiver:
        added(receiver.port, ca)
        written(zone, 30)
        checkpoint()
        advance(clock)
        written(zone, 20)
        checkpoint()
        written(zone, 3)
        for _ in range(3):
            advance(clock)
        texts = [message.rpartition(b" ")[2] for message in receiver.messages]
        assert sequences(receiver.messages) == list(range(1, 54))
        assert [text for text in texts if text.startswith(b"checkpoint.")] == [b"checkpoint.1.30", b"checkpoint.2.50"]
        assert texts.index(b"checkpoint.1.30") >= 30  # after its events
        row = SyslogReceiver.objects.get()
        assert (row.sequence, row.checkpoint, row.delivered_at, still_undelivered(53)) == (53, 2, NOW, "")
        assert not Job.objects.unfinished().filter(task=TASK).exists()


def test_an_unsigned_checkpoint_waits(zone: TrustZone, clock: Clock, pair: Pair, ca: str) -> None:
    written(zone, 1)
    row = checkpoint()
    Checkpoint.objects.update(line="")
    with tls_receiver(pair) as receiver:
        added(receiver.port, ca)
        advance(clock)
        Checkpoint.objects.update(line=row.line)
        advance(clock)
        assert [message.rpartition(b" ")[2] for message in receiver.messages][1:] == [b"checkpoint.1.1"]


def test_a_large_batch_ends_early(zone: TrustZone, clock: Clock, ca: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "LARGEST", 5000)
    written(zone, 20, text="x" * 2000)
    batch = batch_after(added(1, ca), most=1000)
    assert batch is not None
    assert (batch.place.sequence, len(batch.content) < 10_000) == (3, True)


def test_a_receiver_that_is_off_gets_nothing_and_keeps_its_place(zone: TrustZone, clock: Clock, pair: Pair, ca: str) -> None:
    written(zone, 3)
    with tls_receiver(pair) as receiver:
        added(receiver.port, ca, enabled=False)
        advance(clock)
        assert receiver.connections == []
        assert still_needed(1).startswith("The syslog receiver archive has taken the events up to 0 only.")
        SyslogReceiver.objects.update(enabled=True)
        advance(clock)
        assert sequences(receiver.messages) == [1, 2, 3]


def test_without_receivers_nothing_is_kept_for_one(zone: TrustZone) -> None:
    written(zone, 1)
    assert still_needed(1) == ""


# Real receivers.


@pytest.fixture(params=DRIVERS)
def real(request: pytest.FixtureRequest, tmp_path: Path, pair: Pair, ca: str) -> Iterator[Rsyslog]:
    with rsyslog(tmp_path / "rsyslog", pair, ca, request.param) as receiver:
        yield receiver


def test_rsyslog_takes_everything(zone: TrustZone, clock: Clock, real: Rsyslog, ca: str) -> None:
    added(real.port, ca)
    written(zone, 300, text="x" * 20_000)  # longer than the usual limit of rsyslog
    checkpoint()
    for _ in range(8):
        advance(clock)
    assert sequences(real.lines) == list(range(1, 301))
    assert real.lines[-1].endswith(b"checkpoint.1.300")


def test_rsyslog_is_away_for_an_hour(zone: TrustZone, clock: Clock, real: Rsyslog, ca: str) -> None:
    added(real.port, ca)
    written(zone, 5)
    advance(clock)
    real.stop()
    tried = []
    while clock.now < NOW + timedelta(hours=1):
        written(zone, 1)
        advance(clock)
        row = SyslogReceiver.objects.get()
        assert (row.sequence, "Connection refused" in row.last_error, row.failing_since) == (5, True, NOW)
        tried.append(row.failures)
        clock.now += timedelta(minutes=1)
    assert tried[-1] == 8  # the pauses have grown to 30 minutes
    real.start()
    assert advance(clock).startswith("The receiver is tried again later.")
    clock.now += timedelta(hours=1)
    for _ in range(8):
        advance(clock)
    assert sequences(real.lines) == list(range(1, 66))
    row = SyslogReceiver.objects.get()
    assert (row.failures, row.failing_since, row.last_error, row.sequence) == (0, None, "", 65)


def test_rsyslog_is_killed_during_a_batch(zone: TrustZone, clock: Clock, real: Rsyslog, ca: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "LARGEST", 100_000_000)
    added(real.port, ca)
    written(zone, 400, text="x" * 40_000)  # 16 MB: more than the buffers between both sides hold

    def kill() -> None:
        while not real.lines:
            time.sleep(0.001)
        real.send_signal(signal.SIGSTOP)
        time.sleep(0.2)
        real.stop(signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    advance(clock)
    killer.join()
    row, before = SyslogReceiver.objects.get(), len(real.lines)
    assert (row.sequence, row.failures, 0 < before < 400) == (0, 1, True)
    real.start()
    clock.now += timedelta(minutes=1)
    for _ in range(8):
        advance(clock)
    # The last message before its end may be cut off. Then the next one is in the same line.
    found = sequences([line[line.rindex(b"<109>1 ") :] for line in real.lines])
    assert sorted({*found}) == list(range(1, 401))
    assert len(found) <= 400 + before  # the batch, and what it had taken of it


# A log that is not the one that was sent.


@pytest.fixture
def taken(zone: TrustZone, clock: Clock, pair: Pair, ca: str) -> Iterator[TlsReceiver]:
    """It has 9 events and a checkpoint of the first 6."""
    with tls_receiver(pair) as receiver:
        added(receiver.port, ca)
        written(zone, 6)
        checkpoint()
        written(zone, 3)
        advance(clock)
        assert sequences(receiver.messages) == list(range(1, 10))
        receiver.connections.clear()
        yield receiver


def execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def cut(after: int) -> None:
    """As a database that was restored from a backup."""
    execute(f"delete from audit_event where sequence > {after}")
    last = Event.objects.order_by("-sequence").first()
    Head.objects.update(sequence=after, digest=last.digest if last else "")


@pytest.mark.parametrize(("last", "again"), [(7, 7), (6, 7), (3, 1), (0, 1)])
def test_events_that_replace_sent_ones_are_sent(last: int, again: int, taken: TlsReceiver, zone: TrustZone, clock: Clock) -> None:
    cut(last)
    written(zone, 12 - last, text="another log")
    advance(clock)
    assert sequences(taken.messages) == list(range(again, 13))


def test_events_that_retention_removed_are_not_sent_again(taken: TlsReceiver, zone: TrustZone, clock: Clock) -> None:
    written(zone, 2)
    execute("delete from audit_event where sequence <= 9")
    advance(clock)
    assert sequences(taken.messages) == [10, 11]


def test_nothing_is_sent_while_nothing_is_new(taken: TlsReceiver, clock: Clock) -> None:
    for _ in range(3):
        advance(clock)
    assert taken.messages == []


ENDINGS = {Ending.RAGGED: 4, Ending.RESET: 0, Ending.GONE: 0}


@pytest.mark.parametrize(("ending", "last"), ENDINGS.items())
def test_the_cursor_moves_when_everything_was_taken(ending: Ending, last: int, zone: TrustZone, clock: Clock, pair: Pair, ca: str) -> None:
    written(zone, 4)
    with tls_receiver(pair, ending) as receiver:
        added(receiver.port, ca)
        advance(clock)
        assert SyslogReceiver.objects.get().sequence == last
