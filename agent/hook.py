"""The reload hook: a command that makes the services of the node load new certificates, roots and revocation lists."""

import asyncio
import logging
import os
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from typing import IO, Any

from agent import files
from agent.state import State
from agent.store import Installed
from agent.system.folders import end_group

log = logging.getLogger("agent")
TIMEOUT_S, LOGGED_BYTES = 60, 4096
# The exit codes of shells and `timeout`.
TIMED_OUT, NOT_STARTED = 124, 127


def _what(before: dict[str, Any] | None, now: dict[str, Any]) -> str:
    """The kind of change: `trust` or `browser` if nothing else has changed, else `certificates`."""
    changed = [name for name in now if before is None or before.get(name) != now[name]]
    return changed[0] if len(changed) == 1 and changed != ["generation"] else "certificates"


class Hook:
    """Runs the command when certificates, roots, lists or browser.pem differ from those of its last run. One run at a time."""

    def __init__(self, state: State, command: tuple[str, ...], ended: Callable[[], None]) -> None:
        """`command` is a program with its arguments; no shell reads it. `ended` is called after each run."""
        self.state, self.command, self.ended = state, command, ended
        self.running: asyncio.Task[None] | None = None
        self.try_again = False
        self.look_again()

    def look_again(self) -> None:
        """Run the command again if its last run failed. For the start of the agent and for SIGHUP, when the cause may be corrected."""
        last = self.state.hook()
        self.try_again = last is not None and last["exit"] not in (0, None)

    def follow(self, installed: Installed | None) -> None:
        """Start a run if it is due. `installed` is what the listener of this agent serves."""
        if installed is None or (self.running is not None and not self.running.done()):
            return
        before = None if self.try_again else self.state.hooked()
        now = {"generation": installed.generation, "trust": installed.revision[1], "browser": installed.browser_revision}
        if before == now:
            return
        what = _what(before, now)
        self.try_again, at = False, datetime.now(UTC)
        # Stored before the start, or a hook that restarts the agent would run again and again.
        self.state.record_hook(at=at, ended=None, generation=installed.generation, hooked=now)
        self.running = asyncio.create_task(self._run(installed, what, at))

    async def _run(self, installed: Installed, what: str, at: datetime) -> None:
        environment = os.environ | {"QMC_HOME": str(self.state.home), "QMC_GENERATION": str(installed.generation), "QMC_WHAT": what}
        # A file and not a pipe, because a service that the hook starts may keep its output open.
        with tempfile.TemporaryFile() as output:
            code = await self._code(environment, output)
            output.seek(max(0, output.seek(0, os.SEEK_END) - LOGGED_BYTES))
            for line in output.read().decode(errors="replace").splitlines():
                log.info("reload hook: %s", line)
        log.info("reload hook for the %s of generation %s: exit code %s", what, installed.generation, code)
        self.state.record_hook(at=at, ended=code, generation=installed.generation)
        self.ended()

    async def _code(self, environment: dict[str, str], output: IO[bytes]) -> int:
        try:
            process = await asyncio.create_subprocess_exec(
                *self.command,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                umask=files.umask_before(),
            )
        except OSError as exc:
            log.warning("reload hook: %s cannot be started: %s", self.command[0], exc.strerror)
            return NOT_STARTED
        try:
            return await asyncio.wait_for(process.wait(), TIMEOUT_S)
        except TimeoutError:
            end_group(process.pid)
            await process.wait()
            return TIMED_OUT
