"""What `up` says about the agents that it starts, and about ports."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from agent.store import Store
from pki.exchange.package import Package
from qmc.management.commands.up import _agent_line
from sitekit.authority import Authority


def test_up_reports_the_state_of_each_agent(data_directory: Path, package: Package, authority: Authority) -> None:
    assert _agent_line("127.0.0.2") == "Waiting:  an agent on 127.0.0.2, setup page http://127.0.0.2:4570/certificateSetup"
    installed = Store(data_directory / "agents/127.0.0.2").install(package, now=authority.now)
    assert _agent_line("127.0.0.2") == "Node:     rim1.example on 127.0.0.2, registered (generation 1)"
    (installed.path / "manifest.json").write_bytes(b"")
    assert "its files cannot be read. See logs/agent-127.0.0.2.log" in _agent_line("127.0.0.2")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--port", "0"], "is not a port from 1 to 65535"),
        (["--port", "70000"], "is not a port from 1 to 65535"),
        (["--node-port", "-1"], "is not a port from 1 to 65535"),
        (["--port", "4242"], "Console and node API need different ports"),
    ],
)
def test_an_invalid_port_is_refused(words: list[str], said: str, data_directory: Path) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("up", *words)
