"""A founded trust zone and what this machine has installed of it, without processes."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agent.store import Installed, Store
from certs.models import DatabaseKey, TrustZone
from nodes.models import Node
from nodes.node_api import site
from pki.core.findings import Finding
from pki.exchange.agent_status import AgentStatus
from pki.exchange.package import Package
from tests.public_authority import NOW

Calls = list[datetime]


@pytest.fixture(scope="module")
def store(package: Package, tmp_path_factory: pytest.TempPathFactory) -> Store:
    made = Store(tmp_path_factory.mktemp("node"))
    made.install(package, now=package.expires_at - timedelta(hours=20))
    return made


@pytest.fixture(autouse=True)
def _site_is_read_for_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test changes the site and calls at once."""
    monkeypatch.setattr(site, "KEPT_S", 0)
    monkeypatch.setattr(site._Kept, "value", None)


@pytest.fixture
def zone(store: Store, settings: Any) -> Installed:
    settings.NODE_STORE = store.home
    installed = store.current()
    assert installed is not None
    TrustZone.objects.create(name="central.example", created_at=NOW, founded_at=NOW)
    DatabaseKey.objects.create(
        version=1, status="writing", key_id=installed.database_key().key_id.hex(), algorithm="AES-256-GCM", created_at=NOW, status_since=NOW
    )
    return installed


@pytest.fixture
def calls(site_directory: Path, client: Client, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[Finding]], Calls]:
    """Sets what the network finds. The list is of the connections that were made."""
    client.force_login(User.objects.create_superuser("ann"))

    def found(findings: list[Finding]) -> Calls:
        calls: Calls = []

        def agent(_: Node, now: datetime, __: object) -> tuple[list[Finding], AgentStatus | None]:
            calls.append(now)
            return findings, None

        monkeypatch.setattr("nodes.registration.preflight._agent", agent)
        return calls

    return found
