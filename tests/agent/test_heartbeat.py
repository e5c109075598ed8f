"""Heartbeats without a central node."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import pytest

from agent import heartbeat
from agent.central import Central
from agent.serve import retry_after
from pki.exchange.answer import Answer

LASTS_S, STEP_S = 0.4, 0.01


@dataclass
class SlowState:
    """Installs as slowly as a slow machine."""

    installed: int = 0

    def install_renewal(self, sealed: bytes, *, now: Any) -> None:
        time.sleep(LASTS_S)
        self.installed += 1


@dataclass
class Old:
    generation: int = 1


def test_requests_are_answered_while_a_renewal_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(*_: object) -> bytes:
        return b""

    async def take() -> int:
        taking, steps = asyncio.create_task(caller._take_renewal(Old(), Answer(package=2))), 0
        while not taking.done():
            await asyncio.sleep(STEP_S)
            steps += 1
        assert await taking
        return steps

    monkeypatch.setattr(Central, "ask", ask)
    state: Any = SlowState()
    caller = heartbeat.Caller(state, "127.0.0.1", 4242, listening=True)
    steps = asyncio.run(take())
    assert state.installed == 1
    assert steps > 5


@pytest.mark.parametrize(
    ("failed", "interval_s", "most"),
    [(1, 60, 5), (2, 60, 10), (4, 60, 40), (5, 60, 60), (999, 300, 300), (9, 5, 5), (1, 600, 50), (4, 600, 400), (5, 600, 600)],
)
def test_a_call_that_fails_again_and_again_is_repeated_less_often(failed: int, interval_s: float, most: float) -> None:
    waits = {retry_after(failed, interval_s) for _ in range(100)}
    assert most / 2 <= min(waits) < max(waits) <= most


@pytest.mark.parametrize(("failed", "most"), [(1, 5), (2, 10), (99, 300)])
def test_a_refused_call_is_repeated_at_most_every_five_minutes(failed: int, most: float) -> None:
    for interval_s in (5, 600):
        waits = {retry_after(failed, interval_s, is_refused=True) for _ in range(100)}
        assert most / 2 <= min(waits) < max(waits) <= most
