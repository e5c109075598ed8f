"""The turn of the last answer on the node: stored first, returned after a restart, and one heartbeat at a time."""

import os
import stat
from pathlib import Path

import pytest

from agent.state import State
from agent.turns import Turns


def test_a_turn_survives_its_process_and_is_private(tmp_path: Path) -> None:
    Turns(tmp_path).keep("ab12")
    with Turns(tmp_path).taken() as turn:
        assert turn == "ab12"
    assert stat.S_IMODE((tmp_path / "turn").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content", [None, b"", b"\0" * 64, b"\xff\xfe", b"a" * 500, b"turn\n"], ids=["none", "empty", "NUL", "no text", "long", "other"]
)
def test_a_damaged_turn_is_ignored(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "turn").write_bytes(content)
    with Turns(tmp_path).taken() as turn:
        assert turn == ""


def test_a_failed_write_keeps_the_previous_turn(tmp_path: Path) -> None:
    turns = Turns(tmp_path)
    turns.keep("ab")
    (tmp_path / ".turn.new").mkdir()  # what is written first cannot be
    with pytest.raises(OSError, match="turn"):
        turns.keep("cd")
    with turns.taken() as turn:
        assert turn == "ab"


def test_two_agents_on_one_home_call_one_after_the_other(tmp_path: Path) -> None:
    first, second = Turns(tmp_path), Turns(tmp_path)
    with first.taken(), pytest.raises(OSError, match="another agent is sending a heartbeat from this home"), second.taken():
        pass
    with second.taken():
        pass


def test_a_killed_agent_blocks_nothing(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        with Turns(tmp_path).taken():
            os.write(writing, b"x")
            os.kill(os.getpid(), 9)
    os.read(reading, 1)
    os.waitpid(child, 0)
    os.close(reading), os.close(writing)
    with Turns(tmp_path).taken():
        pass


def test_remove_deletes_the_turn(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.turns.keep("ab")
    state.remove()
    assert not (tmp_path / "turn").exists()
