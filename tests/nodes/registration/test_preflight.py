"""Problems of a registration are reported before anything is created, each with its remedy."""

import itertools
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from audit.actors import SYSTEM
from certs.models import Certificate, TrustZone
from nodes.models import Node
from nodes.registration.preflight import FRESH_FOR, preflight, preflight_of
from pki.core.findings import Finding
from sitekit.authority import Authority

pytestmark = pytest.mark.django_db
PORT = 4444
addresses = (f"127.{os.getpid() % 20 + 10}.7.{number}" for number in itertools.count(1))


@pytest.fixture
def zone(authority: Authority) -> TrustZone:
    root, now = authority.certificate, authority.now
    zone = TrustZone.objects.create(name="central.example", created_at=now, founded_at=now)
    Certificate.objects.create(
        kind="root", status="issued", subject="CN=central.example-CA", serial="1", der=root.public_bytes(Encoding.DER), key_type="EC P-384",
        not_before=root.not_valid_before_utc, not_after=root.not_valid_after_utc, lease_until=now, created_at=now,
    )  # fmt: skip
    return zone


def node_at(address: str) -> Node:
    return Node(name="rim1", host_name="rim1.example", address=address)


@contextmanager
def listener(answer: Callable[[], bytes]) -> Iterator[str]:
    """Something on port 4444 that answers each request with `answer()`, whatever is asked."""
    with socket.create_server((address := next(addresses), PORT)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    connection.sendall(answer())

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield address
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def http(body: str, *, offset: timedelta = timedelta()) -> bytes:
    date = format_datetime(datetime.now(UTC) + offset, usegmt=True)
    return f"HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def state(**changes: object) -> str:
    return json.dumps({"value": 1, "waiting": [], "refused": [], "wrong_passwords": 0, "trust_zone": None} | changes)


def findings(node: Node, now: datetime | None = None) -> list[Finding]:
    return preflight_of(node, now=now or datetime.now(UTC)).findings


def worst(node: Node) -> Finding:
    found = findings(node)
    return min(found, key=lambda finding: ["blocker", "warning", "ok"].index(finding.level))


ANSWERS = {
    "an agent that waits": (lambda: http(state()), "ok", "clock"),
    "HTML": (lambda: http("<html><h1>It works!</h1></html>"), "blocker", "no-agent"),
    "nothing like HTTP": (lambda: b"SSH-2.0-OpenSSH_9.2\r\n", "blocker", "port-closed"),
    "a list": (lambda: http("[]"), "blocker", "no-agent"),
    "state 2": (lambda: http(state(value=2)), "blocker", "already-running"),
    "state 0": (lambda: http(state(value=0)), "blocker", "agent-starting"),
    "another trust zone": (lambda: http(state(trust_zone="5b1a")), "blocker", "other-trust-zone"),
    "a clock 2 minutes off": (lambda: http(state(), offset=timedelta(minutes=2)), "warning", "clock-skew"),
    "a clock hours ahead": (lambda: http(state(), offset=timedelta(hours=3)), "blocker", "clock-skew"),
    "a clock hours behind": (lambda: http(state(), offset=timedelta(hours=-3)), "blocker", "clock-skew"),
    "a megabyte": (lambda: http("x" * 1_000_000), "blocker", "no-agent"),
    "a broken date": (lambda: http(state()).replace(b"Date: ", b"Date: noon, "), "ok", "agent"),
}


@pytest.mark.parametrize(("answer", "level", "code"), ANSWERS.values(), ids=ANSWERS)
def test_what_answers_on_4444(zone: TrustZone, answer: Callable[[], bytes], level: str, code: str) -> None:
    with listener(answer) as address:
        found = findings(node_at(address))
    finding = next(candidate for candidate in found if candidate.code == code)
    assert finding.level == level
    assert finding.remedy or level == "ok"
    assert (level == "blocker") == any(blocking.level == "blocker" for blocking in found)


def test_clock_offset_is_described_in_words(zone: TrustZone) -> None:
    with listener(lambda: http(state(), offset=timedelta(hours=-3))) as address:
        assert "3 h behind the central node" in worst(node_at(address)).title


def test_closed_port_says_what_to_do_and_is_a_warning_once_a_node_was_registered(zone: TrustZone) -> None:
    node = node_at(next(addresses))
    assert (worst(node).level, "Start the agent" in worst(node).remedy) == ("blocker", True)
    node.registered_at = datetime.now(UTC)
    assert (worst(node).level, "agent reopen" in worst(node).remedy) == ("warning", True)


def test_black_hole_ends_within_six_seconds(zone: TrustZone) -> None:
    with ExitStack() as held:
        server = held.enter_context(socket.socket())
        server.bind((address := next(addresses), PORT))
        server.listen(0)
        for _ in range(3):  # the queue is full: the kernel answers no further call
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex((address, PORT))
        started = time.monotonic()
        finding = worst(node_at(address))
        assert time.monotonic() - started < 6
    assert (finding.level, finding.code, "firewall" in finding.remedy) == ("blocker", "port-closed", True)


def test_answer_drop_by_drop_ends_within_six_seconds(zone: TrustZone) -> None:
    with socket.create_server((address := next(addresses), PORT)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                try:
                    for byte in http(state()):
                        connection.sendall(bytes([byte]))
                        time.sleep(0.3)
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        started = time.monotonic()
        assert worst(node_at(address)).level == "blocker"
        assert time.monotonic() - started < 6
        thread.join()


def test_a_loopback_address_for_a_remote_node_is_a_finding(zone: TrustZone, monkeypatch: pytest.MonkeyPatch) -> None:
    # 192.0.2.0/24 is for documentation (RFC 5737): nothing leaves this machine.
    monkeypatch.setattr(socket.socket, "connect", lambda *_: (_ for _ in ()).throw(TimeoutError()))
    assert "central-loopback" in [finding.code for finding in findings(node_at("192.0.2.7")) if finding.level == "blocker"]


def test_short_name_is_a_warning(zone: TrustZone) -> None:
    with listener(lambda: http(state())) as address:
        found = preflight(actor=SYSTEM, now=datetime.now(UTC), name="rim1", host_name="rim1", address=address).findings
    assert [finding.code for finding in found if finding.level == "warning"] == ["host-name-short"]


def test_expired_root_blocks(zone: TrustZone, authority: Authority) -> None:
    later = authority.certificate.not_valid_after_utc + timedelta(days=1)
    with listener(lambda: http(state())) as address:
        assert "root-expired" in [finding.code for finding in findings(node_at(address), later) if finding.level == "blocker"]


CHANGES = {
    "the same node at once": ({}, timedelta(0), True),
    "the same node, 29 s later": ({}, FRESH_FOR - timedelta(seconds=1), True),
    "the same node, 30 s later": ({}, FRESH_FOR, False),
    "a clock that was set back": ({}, -FRESH_FOR, False),
    "another address": ({"address": "192.0.2.8"}, timedelta(0), False),
    "another port": ({"distribution_port": 4445}, timedelta(0), False),
}


@pytest.mark.parametrize(("changes", "later", "fresh"), CHANGES.values(), ids=CHANGES)
def test_checks_count_for_the_node_that_they_checked_and_for_half_a_minute(
    zone: TrustZone, changes: dict[str, Any], later: timedelta, fresh: bool
) -> None:
    with listener(lambda: http(state())) as address:
        checks = preflight_of(node_at(address), now=(now := datetime.now(UTC)))
    changed = node_at(address)
    vars(changed).update(changes)
    assert checks.is_fresh(changed, now + later) is fresh
