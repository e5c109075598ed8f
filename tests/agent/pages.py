"""The applications for ports 4444 and 4570 of an agent's home, in this process and on free ports."""

import asyncio
import json
import threading
import urllib.error
import urllib.parse
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from aiohttp import web

from agent import listeners, setup
from agent.passwords import Passwords
from agent.state import State


class Pages:
    """Starts at once. `unlocked` is set when the setup page has shown that certificates are installed."""

    def __init__(self, home: Path) -> None:
        self.home, self.state, self.loop, self.unlocked = home, State(home), asyncio.new_event_loop(), threading.Event()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.passwords = Passwords(self.state)
        self.distribution = self._started(listeners.distribution(self.state, "http://localhost/", self.passwords))
        self.setup = self._started(setup.application(setup.Setup(self.state, self.passwords, self.unlocked.set)))

    def _started(self, application: web.Application) -> listeners.Listener:
        listener = listeners.Listener(application, "127.0.0.1", 0)
        asyncio.run_coroutine_threadsafe(listener.start(), self.loop).result(5)
        return listener

    def stop(self) -> None:
        for listener in (self.distribution, self.setup):
            asyncio.run_coroutine_threadsafe(listener.stop(), self.loop).result(5)
        asyncio.run_coroutine_threadsafe(self._cancel(), self.loop).result(5)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()

    async def _cancel(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def ask(self, listener: listeners.Listener, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str]:
        assert listener.listening is not None
        port = listener.listening.getsockname()[1]
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, {"Accept": "application/json"} | headers)
        with ExitStack() as stack:
            try:
                answer = stack.enter_context(urllib.request.urlopen(request, timeout=10))
            except urllib.error.HTTPError as exc:
                answer = stack.enter_context(exc)
            return answer.status, answer.read().decode()

    def send(self, sealed: bytes) -> tuple[int, str]:
        return self.ask(self.distribution, "/setup/certificatedistribution", sealed)

    def status(self) -> dict:
        status, answer = self.ask(self.distribution, "/status/servicestate")
        assert status == 200
        return json.loads(answer)

    def page(self, query: str = "") -> str:
        status, page = self.ask(self.setup, f"/certificateSetup{query}")
        assert status == 200
        return page

    def type(self, typed: str) -> tuple[int, str]:
        return self.ask(self.setup, "/certificateSetup", urllib.parse.urlencode({"__pwd": typed}).encode())
