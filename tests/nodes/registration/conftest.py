"""Checks whose network is a list of findings."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from nodes.models import Node
from pki.core.findings import Finding
from pki.exchange.agent_status import AgentStatus

Calls = list[datetime]


@pytest.fixture
def calls(site_directory: Path, client: Client, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[Finding]], Calls]:
    """Sets what the network finds. The list is of the connections that were made."""
    client.force_login(User.objects.create_superuser("ann"))

    def found(findings: list[Finding]) -> Calls:
        calls: Calls = []

        def agent(_: Node, now: datetime) -> tuple[list[Finding], AgentStatus | None]:
            calls.append(now)
            return findings, None

        monkeypatch.setattr("nodes.registration.preflight._agent", agent)
        return calls

    return found
