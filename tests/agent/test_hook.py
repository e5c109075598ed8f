"""The reload hook: it runs after changes, one run at a time, and its exit code is recorded. The certificates of services are reported."""

import asyncio
import dataclasses
import json
import os
import socket
import ssl
import sys
import threading
import time
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from agent import hook, tls
from agent.heartbeat import Caller, Service, services
from agent.hook import Hook
from agent.report import report_make
from agent.state import State
from pki.core import verify
from pki.exchange.package import Package
from pki.exchange.report import Report
from pki.issuing import revocation_list
from sitekit.authority import Authority

SCRIPT = """import json, os, sys, time
with open(sys.argv[1], "a") as file:
    file.write(json.dumps([os.environ["QMC_WHAT"], os.environ["QMC_GENERATION"], os.environ["QMC_HOME"]]) + "\\n")
print("reloaded")
time.sleep(float(sys.argv[2]))
sys.exit(int(sys.argv[3]))"""


class Hooked:
    """The state of a node with a hook that records each run."""

    def __init__(self, home: Path, *, sleeps: float = 0, ends: int = 0) -> None:
        self.home, self.runs_file, self.state, self.woken = home, home / "runs", State(home), 0
        self.command = (sys.executable, "-I", "-c", SCRIPT, str(self.runs_file), str(sleeps), str(ends))
        self.hook = Hook(self.state, self.command, self.wake)

    def wake(self) -> None:
        self.woken += 1

    def restart(self) -> None:
        self.hook = Hook(self.state, self.command, self.wake)

    async def follow(self) -> dict:
        """Call `follow` twice a second, as the agent does, until the run has ended."""
        self.hook.follow(self.state.store.current())
        if self.hook.running:
            await self.hook.running
        return self.state.hook()

    def runs(self) -> list[list[str]]:
        return [json.loads(line) for line in self.runs_file.read_text().splitlines()] if self.runs_file.exists() else []


@pytest.fixture
def lists(authority: Authority) -> list[bytes]:
    der = revocation_list.list_sign(authority.certificate, authority.key, number=7, entries=[], now=authority.now)
    return [x509.load_der_x509_crl(der).public_bytes(Encoding.PEM)]


def test_hook_runs_for_certificates_and_for_trust_and_not_twice(
    package: Package, authority: Authority, lists: list[bytes], tmp_path: Path
) -> None:
    async def walk() -> None:
        hooked = Hooked(tmp_path)
        assert await hooked.follow() is None
        hooked.state.store.install(package, now=authority.now)
        run = await hooked.follow()
        assert (run["exit"], run["generation"]) == (0, 1)
        await hooked.follow()
        hooked.restart()
        await hooked.follow()
        hooked.state.store.take_trust([package.roots[0]], lists)
        await hooked.follow()
        hooked.state.store.install(dataclasses.replace(package, generation=2), now=authority.now)
        await hooked.follow()
        assert hooked.runs() == [["certificates", "1", str(tmp_path)], ["trust", "1", str(tmp_path)], ["certificates", "2", str(tmp_path)]]
        assert hooked.woken == 3

    asyncio.run(walk())


def test_only_the_newest_change_follows_a_long_run(package: Package, authority: Authority, tmp_path: Path) -> None:
    async def walk() -> None:
        hooked = Hooked(tmp_path, sleeps=0.5)
        for generation in (1, 2, 3):
            hooked.state.store.install(dataclasses.replace(package, generation=generation), now=authority.now)
            hooked.hook.follow(hooked.state.store.current())
            assert hooked.state.hook()["exit"] is None
        await hooked.follow()
        await hooked.follow()
        assert [run[1] for run in hooked.runs()] == ["1", "3"]

    asyncio.run(walk())


def test_failed_run_is_recorded_and_repeated_when_the_agent_starts(package: Package, authority: Authority, tmp_path: Path) -> None:
    async def walk() -> None:
        hooked = Hooked(tmp_path, ends=3)
        hooked.state.store.install(package, now=authority.now)
        assert (await hooked.follow())["exit"] == 3
        assert (await hooked.follow())["exit"] == 3
        hooked.restart()
        await hooked.follow()
        assert [run[0] for run in hooked.runs()] == ["certificates", "certificates"]

    asyncio.run(walk())


@pytest.mark.parametrize(("ended", "reported"), [(0, 0), (-15, -15), (0xC0000005, 255), (None, None)])
def test_an_exit_code_of_any_system_is_reported(
    ended: int | None, reported: int | None, package: Package, authority: Authority, tmp_path: Path
) -> None:
    state = State(tmp_path / "home")
    installed = state.store.install(dataclasses.replace(package, node=str(uuid.uuid4())), now=authority.now)
    state.record_hook(at=authority.now, ended=ended, generation=1)
    report = report_make(
        installed, state.store.key_ring(), {}, loaded=installed, served={}, listening=True, now=authority.now, hook=state.hook()
    )
    assert Report.parse(json.dumps(report.to_json()).encode()).hook["exit"] == reported


def test_hook_that_hangs_or_cannot_be_started_ends(
    package: Package, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hook, "TIMEOUT_S", 0.7)

    async def walk() -> None:
        hooked = Hooked(tmp_path, sleeps=60)
        hooked.state.store.install(package, now=authority.now)
        assert (await hooked.follow())["exit"] == hook.TIMED_OUT
        hooked.command = (str(tmp_path / "nothing"),)
        hooked.restart()
        assert (await hooked.follow())["exit"] == hook.NOT_STARTED

    asyncio.run(walk())
    assert "cannot be started: No such file" in caplog.text


@pytest.mark.parametrize(
    "arguments",
    ["engine", "engine=", "engine=host", "Engine=host:1", "a b=host:1", "x" * 21 + "=host:1", "service=host:1", "=host:1", "e=host:99999"],
)
def test_invalid_services_are_refused(arguments: str) -> None:
    with pytest.raises(ValueError, match="--service"):
        services([arguments])


def test_services_are_named_once_and_at_most_ten() -> None:
    assert services(["engine=127.0.0.1:4747", "proxy=[::1]:443"]) == (Service("engine", "127.0.0.1", 4747), Service("proxy", "::1", 443))
    for arguments in (["a=h:1", "a=h:2"], [f"s{number}=h:1" for number in range(11)]):
        with pytest.raises(ValueError, match="at most 10 different"):
            services(arguments)


def test_certificates_of_services_are_reported(package: Package, authority: Authority, tmp_path: Path) -> None:
    """One presents the installed certificate, one that of another site, one has no TLS, one does not answer, one does not listen, and two have invalid hosts."""
    state = State(tmp_path)
    installed = state.store.install(package, now=authority.now)
    foreign = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    foreign.load_cert_chain(installed.client_pem)
    address = f"127.{os.getpid() % 20 + 90}.9.1"
    contexts = {"engine": tls.server_context(installed), "proxy": foreign, "plain": None}
    listening = {name: socket.create_server((address, 0)) for name in [*contexts, "silent"]}

    def serve(server: socket.socket, context: ssl.SSLContext | None) -> None:
        raw, _ = server.accept()
        with raw:
            if context is None:
                raw.sendall(b"SSH-2.0-nothing\r\n")
                time.sleep(0.2)
                return
            try:
                context.wrap_socket(raw, server_side=True).close()
            except OSError:
                return

    threads = [threading.Thread(target=serve, args=(listening[name], context)) for name, context in contexts.items()]
    for thread in threads:
        thread.start()
    arguments = [f"{name}={address}:{server.getsockname()[1]}" for name, server in listening.items()]
    caller = Caller(state, address, 1, listening=False, services=services([*arguments, f"gone={address}:1", "dots=a..b:1", "zero=\0:1"]))
    began = time.monotonic()
    served = asyncio.run(caller._served(installed))
    assert timedelta(seconds=time.monotonic() - began) < timedelta(seconds=4)
    for thread in threads:
        thread.join()
    for server in listening.values():
        server.close()
    assert served == {
        "service": None, "engine": verify.fingerprint(installed.service), "proxy": verify.fingerprint(installed.client), "plain": None,
        "silent": None, "gone": None, "dots": None, "zero": None,
    }  # fmt: skip
