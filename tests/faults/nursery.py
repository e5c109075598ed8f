"""Agents that fork from a process which has imported everything: starting Python and its imports anew takes a third of a second of a core.

Each is a process of its own with its own arguments, log and requests of tests, and nothing else differs from one that was started alone.
"""

import contextlib
import gc
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path


class Agent:
    """A forked agent, which is nobody's child here: its descriptor shows when it has ended."""

    def __init__(self, pid: int) -> None:
        self.descriptor = os.pidfd_open(pid)

    def ended(self, seconds: float | None = 0) -> bool:
        return bool(select.select([self.descriptor], [], [], seconds)[0])

    def send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.descriptor, number)

    def kill(self) -> None:
        """Kill it if it lives, and forget it."""
        self.send(signal.SIGKILL)
        self.ended(None)
        os.close(self.descriptor)


class Nursery:
    """Where the agents of one site come from."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        command = [sys.executable, "-m", __name__, "agent"]
        self.process = subprocess.Popen(command, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.turn = threading.Lock()

    def start(self, *arguments: str, faults: Path, log: Path) -> Agent:
        """An agent with these arguments that obeys the requests in `faults`."""
        with self.turn:
            assert self.process.stdin is not None
            assert self.process.stdout is not None
            self.process.stdin.write(json.dumps([arguments, str(faults), str(log)]) + "\n")
            self.process.stdin.flush()
            pid = self.process.stdout.readline()
            assert pid, "the process from which agents fork has ended"
            return Agent(int(pid))

    def end(self) -> None:
        self.process.communicate()


def become(arguments: list[str], faults: str, log: str) -> int:
    """This process is an agent from now on. Returns its exit code."""
    from agent.__main__ import main  # noqa: PLC0415  (imported before the first fork)

    os.environ["QMC_FAULTS"], sys.argv[1:] = faults, arguments
    for path, flags, descriptor in ((os.devnull, os.O_RDONLY, 0), (log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 2)):
        os.dup2(os.open(path, flags), descriptor)
    os.dup2(2, 1)
    return main()


def fork_for_each_line() -> int:
    """Fork an agent for each request, and answer its process id, until the requesting process ends; then all end.

    An ended agent is reaped only with the next request, when its descriptor is open.
    """
    import agent.__main__  # noqa: F401, PLC0415

    gc.freeze()
    living: set[int] = set()
    for line in sys.stdin:
        living -= {pid for pid in living if os.waitpid(pid, os.WNOHANG)[0]}
        pid = os.fork()
        if not pid:
            return become(*json.loads(line))
        living.add(pid)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
    for pid in living:
        os.kill(pid, signal.SIGKILL)
    return 0


if __name__ == "__main__":
    sys.exit(fork_for_each_line())
