"""Early calls: the central node may ask this node to call now (`POST /call-now`), because something waits for it."""

import asyncio
import random
from collections.abc import Callable

AT_MOST_EVERY_S, JITTER_S = 10, 1


class EarlyCalls:
    """At most one early call in ten seconds. It begins at a random moment, so that many nodes do not call in the same instant.

    Requests before it begins share it. Requests after that share the next one, at the end of the ten seconds.
    """

    def __init__(self, call: Callable[[], None]) -> None:
        self._call, self._next_at, self._planned = call, 0.0, False

    def request(self) -> None:
        """Plan a call, if none is planned."""
        if self._planned:
            return
        loop = asyncio.get_running_loop()
        begins_at = max(self._next_at, loop.time() + random.uniform(0, JITTER_S))  # noqa: S311
        self._planned, self._next_at = True, begins_at + AT_MOST_EVERY_S
        loop.call_at(begins_at, self._begin)

    def _begin(self) -> None:
        self._planned = False
        self._call()
