"""The start of an agent, its errors, and its signals."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.state import State
from pki.exchange.package import Package
from sitekit.authority import Authority
from tests.accounts import ROOT, WORKER, needs_root, reachable_folder, run
from tests.agent.commands import command
from tests.agent.test_agent import Running, addresses


def started(home: Path, *words: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "agent", "serve", "--home", home, *words], stderr=subprocess.PIPE, text=True, cwd=ROOT, **options
    )


def refused(home: Path, *words: str) -> str:
    """The output of an agent that does not start."""
    process = started(home, *words)
    with contextlib.suppress(subprocess.TimeoutExpired):
        output = process.communicate(timeout=20)[1]
        assert process.returncode in (1, 2)
        assert "Traceback" not in output
        return output
    process.kill()
    raise AssertionError(f"it started: {process.communicate()[1]}")


def log_of(process: subprocess.Popen[str], text: str) -> str:
    """The next line of the agent's log with `text`."""
    assert process.stderr is not None
    return next(line for line in process.stderr if text in line)


def listens(address: str, port: int = 4570) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((address, port), 1):
        return True
    return False


def test_a_second_agent_on_one_home_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    first, home = Running(tmp_path / "home"), tmp_path / "home"
    first.wait_for_port(4570)
    other = next(addresses)
    output = refused(home, "--address", other, "--setup-address", other)
    assert f"Another agent runs on {home}: process {first.process.pid}, since 20" in output
    first.stop(kill=True)
    first.start()
    first.wait_for_port(4570)
    first.stop()


def test_a_port_of_another_program_is_named_and_ends_the_start(tmp_path: Path) -> None:
    address = next(addresses)
    with socket.create_server((address, 4570)):
        output = refused(tmp_path, "--address", address, "--setup-address", address)
    assert f"{address}:4570: Address already in use. Is another agent running here? Stop it, or choose other ports." in output


@pytest.mark.parametrize("flag", ["--address", "--setup-address"])
@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("fe80::1%eth0", "names an interface of one machine"),
        ("::1%lo", "names an interface"),
        ("not an address", "space"),
        ("10.0.0.1:4444", "port"),
    ],
)
def test_invalid_listener_addresses_are_refused_as_arguments(tmp_path: Path, flag: str, address: str, why: str) -> None:
    ended = command("serve", "--home", tmp_path / "home", flag, address)
    assert (ended.returncode, why in ended.stderr) == (2, True)


@needs_root
@pytest.mark.parametrize("command", ["serve", "status", "reopen"])
def test_a_home_without_permissions_is_named_with_the_remedy(command: str) -> None:
    with reachable_folder(0) as folder, pytest.raises(AssertionError) as error:
        run("-m", "agent", command, "--home", str(folder / "home"), uid=WORKER)
    assert f"{folder}/home: Permission denied. Give the account that runs the agent the right to read and write" in str(error.value)
    assert "Traceback" not in str(error.value)
    assert "another agent" not in str(error.value)


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"),
    reason="needs a network of its own, with an address that comes later",
)
@pytest.mark.parametrize("registered", [False, True], ids=["not registered", "registered"])
def test_agent_waits_for_a_missing_address_and_logs_the_cause(
    authority: Authority, package: Package, tmp_path: Path, registered: bool
) -> None:
    home, address, port = tmp_path / "home", "192.0.2.7", 4242 if registered else 4444
    if registered:
        State(home).store.install(package, now=authority.now)
    script = f"""
ip link set lo up
{sys.executable} -m agent serve --home {home} --address {address} 2>{tmp_path}/log &
for i in $(seq 100); do grep -q 'does not have that address yet' {tmp_path}/log && break; sleep 0.1; done
sleep 1.2
ip address add {address}/32 dev lo
for i in $(seq 100); do {sys.executable} -c "import socket; socket.create_connection(('{address}', {port}), 1)" && break; sleep 0.1; done
kill $!; wait $!; echo ended $?
"""
    ended = subprocess.run(["unshare", "-n", "sh", "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    log = (tmp_path / "log").read_text()
    assert (
        log.count(f"{address}:{port}: Cannot assign requested address. This machine does not have that address yet. The agent waits for it")
        == 1
    ), log
    assert ("generation 1 serves on" if registered else "waiting for a package") in log
    assert "ended 0" in ended.stdout


def test_sighup_loads_changed_files_and_does_not_end_the_agent(authority: Authority, package: Package, tmp_path: Path) -> None:
    home, address = tmp_path / "home", next(addresses)
    State(home).store.install(package, now=authority.now)
    runs = tmp_path / "runs"
    hook = f"sh -c 'echo run >> {runs}; exit 3'"
    with started(home, "--address", address, "--setup-address", address, "--reload-hook", hook) as process:
        log_of(process, "generation 1 serves")
        log_of(process, "exit code 3")
        process.send_signal(signal.SIGHUP)
        log_of(process, "SIGHUP")
        log_of(process, "generation 1 serves")  # its files were loaded again
        log_of(process, "exit code 3")  # and the hook that had failed ran again
        assert process.poll() is None
        assert listens(address, 4242)
        process.terminate()
    assert process.returncode == 0
    assert runs.read_text() == "run\n" * 2


def test_tls_session_keys_are_never_written(tmp_path: Path) -> None:
    address = next(addresses)
    for place in (tmp_path / "nowhere/keys", tmp_path / "keys"):
        with started(
            tmp_path / "home", "--address", address, "--setup-address", address, env=os.environ | {"SSLKEYLOGFILE": str(place)}
        ) as process:
            log_of(process, "waiting for a package")
            process.terminate()
        assert process.returncode == 0
    assert not (tmp_path / "keys").exists()
