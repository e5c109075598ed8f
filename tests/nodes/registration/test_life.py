"""A node's life under any order of what people, workers and the node do: real services, a real agent on loopback, no process between.

Faults inside a step, and processes that die, are in `tests/faults`.
"""

import asyncio
import contextlib
import itertools
import os
import threading
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from agent.report import report_make
from agent.state import Refused
from audit.actors import SYSTEM
from certs.models import Certificate
from jobs.models import Job
from jobs.tasks import run
from nodes.central.founding import zone_found
from nodes.errors import IllegalNodeTransition, RegistrationBlocked
from nodes.inventory.services import node_create
from nodes.models import Node, Registration, Renewal
from nodes.node_api.caller import caller_read
from nodes.node_api.heartbeat import heartbeat, package_for
from nodes.registration.decommission import node_decommission
from nodes.registration.services import node_register
from nodes.renewal.services import node_renew
from nodes.states import UNDER_WAY, NodeState, RenewalStatus
from pki.core.errors import PKIError
from pki.core.verify import fingerprint
from pki.exchange import password
from pki.exchange.package import Opener
from sitekit.fleet import LightAgent
from tests.whole_log import verify

numbers = itertools.count(1)
AT_REST = {NodeState.REGISTERED, NodeState.FAILED, NodeState.DECOMMISSIONED}


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Where the agents listen, beside the test."""
    running = asyncio.new_event_loop()
    thread = threading.Thread(target=running.run_forever)
    thread.start()
    yield running
    running.call_soon_threadsafe(running.stop)
    thread.join()
    running.close()


class Life(RuleBasedStateMachine):
    """One node and its agent, from creation to rest."""

    loop: asyncio.AbstractEventLoop
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        number = next(numbers)
        self.address, self.home = f"127.{os.getpid() % 20 + 60}.{number // 200}.{number % 200 + 1}", self.folder / str(number)
        self.agent = LightAgent(self.home, self.address)
        self._follow()
        self.passwords: list[str] = []
        self.pk = node_create(
            actor=SYSTEM, now=datetime.now(UTC), name=f"n{number}", host_name=f"n{number}.example", address=self.address
        ).pk

    def _await(self, what: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(20)

    def _follow(self) -> None:
        self._await(self.agent.follow())

    @property
    def node(self) -> Node:
        return Node.objects.get(pk=self.pk)

    @property
    def renewal(self) -> Renewal | None:
        return Renewal.objects.filter(node_id=self.pk).first()

    @rule()
    def register(self) -> None:
        with contextlib.suppress(IllegalNodeTransition, RegistrationBlocked):
            self.passwords.append(node_register(actor=SYSTEM, node=self.node, now=datetime.now(UTC)).password)

    @rule()
    def work(self) -> None:
        """Time passes, and a worker does what is due."""
        for _ in range(Job.objects.unfinished().update(next_attempt_at=datetime.now(UTC) - timedelta(seconds=1))):
            run()

    @precondition(lambda self: self.passwords)
    @rule(newest=st.booleans())
    def type_password(self, newest: bool) -> None:
        self._unlock(self.passwords[-1] if newest else self.passwords[0])

    @rule()
    def type_wrong_password(self) -> None:
        self._unlock(password.generate())

    def _unlock(self, typed: str) -> None:
        with contextlib.suppress(Refused, PKIError):
            self.agent.state.unlock(Opener(password.canonical(typed)), now=datetime.now(UTC))
        self._follow()

    @rule()
    def send_heartbeats(self) -> None:
        """What `nodes.node_api.views` does with the certificate that the agent presents, and the agent with the answer."""
        installed = self.agent.state.store.current()
        if installed is None:
            return
        now = datetime.now(UTC)
        caller = caller_read(fingerprint(installed.client))
        if caller is None:
            self.agent.state.reopen()
        else:
            ring = self.agent.state.store.key_ring()
            report = report_make(installed, ring, {}, loaded=installed, served={"service": None}, listening=True, now=now)
            answer = heartbeat(caller=caller, report=report, now=now)
            if answer.reopen:
                self.agent.state.reopen()
            if answer.package is not None and answer.package > installed.generation:
                sealed = package_for(node=self.node, generation=answer.package)
                assert sealed is not None
                self.agent.state.install_renewal(sealed, now=now)
        self._follow()

    @rule()
    def renew(self) -> None:
        with contextlib.suppress(IllegalNodeTransition):
            node_renew(actor=SYSTEM, node=self.node, now=datetime.now(UTC))

    @rule()
    def password_expires(self) -> None:
        Registration.objects.filter(node_id=self.pk).update(expires_at=datetime.now(UTC) - timedelta(seconds=1))

    @rule()
    def agent_starts_again(self) -> None:
        for listener in [*self.agent.pages, *filter(None, (self.agent.taking, self.agent.node))]:
            self._await(listener.stop())
        self.agent = LightAgent(self.home, self.address)
        self._follow()

    @precondition(lambda self: self.passwords)
    @rule(really=st.sampled_from([False, False, False, True]))
    def decommission(self, really: bool) -> None:
        if really:
            with contextlib.suppress(IllegalNodeTransition):
                node_decommission(actor=SYSTEM, node=self.node, now=datetime.now(UTC))

    @invariant()
    def whoever_is_under_way_has_a_job(self) -> None:
        if self.node.state in UNDER_WAY:
            assert Job.objects.unfinished().filter(subject=self.pk).exists()

    @invariant()
    def secrets_wait_no_longer_than_needed(self) -> None:
        node, renewal = self.node, self.renewal
        if node.state != NodeState.ISSUING and (renewal is None or renewal.status != RenewalStatus.REQUESTED):
            assert not Certificate.objects.filter(holder_id=self.pk).exclude(sealed_private_key=None).exists()
        if node.state not in UNDER_WAY:
            assert not Registration.objects.filter(node=node).exclude(package=None, sealed_password=None).exists()

    @invariant()
    def one_certificate_for_each_intent(self) -> None:
        signed = Certificate.objects.filter(holder_id=self.pk).exclude(der=None).values_list("kind", "generation")
        assert len(set(signed)) == len(signed)

    @invariant()
    def ended_nodes_hold_nothing_valid(self) -> None:
        if self.node.state == NodeState.DECOMMISSIONED:
            assert not Certificate.objects.filter(holder_id=self.pk, status__in=["issuing", "issued", "superseded"]).exists()

    def teardown(self) -> None:
        """Left to itself, and with somebody to type the password, everything comes to rest."""
        for _ in range(12):
            if self.node.state in AT_REST and not Job.objects.unfinished().exists():
                break
            self.work()
            if self.passwords:
                self._unlock(self.passwords[-1])
            self.send_heartbeats()
        node = self.node
        assert node.state in AT_REST | {NodeState.CREATED}, (node.state, node.state_reason)
        assert node.state != NodeState.FAILED or "edistribute" in node.state_reason, node.state_reason
        if node.state == NodeState.REGISTERED:
            installed = self.agent.state.store.current()
            assert installed is not None
            assert Certificate.objects.get(sha256=fingerprint(installed.service)).status == "issued"
        verify()
        for listener in [*self.agent.pages, *filter(None, (self.agent.taking, self.agent.node))]:
            self._await(listener.stop())


@pytest.mark.django_db
def test_every_life_comes_to_rest(loop: asyncio.AbstractEventLoop, tmp_path: Path, settings: Any) -> None:
    settings.NODE_STORE, settings.ROOT_PASSPHRASE_FILE = tmp_path / "central", tmp_path / "passphrase"
    settings.ROOT_PASSPHRASE_FILE.write_text("passphrase")
    zone_found(host_name="central.example", now=datetime.now(UTC))
    Life.loop, Life.folder = loop, tmp_path
    # A failing example is reported as it was found: shrinking it would take minutes.
    chosen = hypothesis_settings(max_examples=10, stateful_step_count=15, deadline=None, database=None, phases=[Phase.generate])
    run_state_machine_as_test(Life, settings=chosen)
