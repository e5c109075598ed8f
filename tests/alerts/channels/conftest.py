"""One message for every kind of channel."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from alerts.channels.kinds import KINDS, Outgoing, fields_checked
from attention.needs import Severity
from tests.receivers import LOOPBACK


@pytest.fixture(autouse=True)
def loopback(settings: Any) -> None:
    settings.QMC_OUTBOUND_NETWORKS = LOOPBACK


@pytest.fixture
def outgoing() -> Callable[..., Outgoing]:
    def make(**fields: Any) -> Outgoing:
        plain = {
            "event_id": uuid.UUID(int=7),
            "event_type": "alert.opened",
            "at": datetime(2026, 11, 30, 2, 5, tzinfo=UTC),
            "severity": Severity.WARNING,
            "subject": "rim1",
            "title": "rim1 has not called for 3 min",
            "text": "Its certificates expire in 4 days.\nStart the agent — “now”.",
            "url": "https://console.example/nodes/7/",
        }
        return Outgoing(**plain | fields)

    return make


def checked(kind: str, **values: Any) -> dict[str, str]:
    return KINDS[kind].checked(fields_checked(KINDS[kind], {name: str(value) for name, value in values.items()}))
