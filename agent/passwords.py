"""What is typed on the setup page: tried at once, held for a minute while its package may still arrive, and only then wrong."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from agent.state import MOST_WRONG, PAUSE, Refused, State
from agent.store import Installed
from pki.core import clocks
from pki.core.commands import AGENT
from pki.core.errors import WrongPassword
from pki.exchange import package_header, password
from pki.exchange.package import Opener

HELD_S, LOOK_S, ANSWER_S, CLOSING_S, ANSWERED_S = 60, 1.0, 4.0, 10, 1.0
NOTHING_OPENS = "Well typed, but no waiting package opens with it. Take the newest password from the console."


@dataclass(eq=False)
class Held:
    """A well typed password, in memory only. `followed` once its answer was given before it was known what becomes of it."""

    word: str = field(repr=False)
    opener: Opener = field(repr=False)
    until: float
    may_wait: bool
    followed: bool = False
    arrival: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[Installed] | None" = None


class Passwords:
    """The passwords that are typed on the setup page of one agent."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._held: dict[str, Held] = {}
        self._counted: set[str] = set()
        self._outcome: tuple[Installed | Exception, float] | None = None
        self._ended_at = -ANSWERED_S

    async def type(self, typed: str) -> Installed | None:
        """What the password has installed; None, after `ANSWER_S`, while it is held.

        Raises: PasswordMistyped, WrongPassword, Refused, PackageInvalid, OSError.
        """
        word = password.canonical(typed)
        self._outcome = None
        held = self._held.get(word) or self._hold(word)
        assert held.task is not None
        done, _ = await asyncio.wait([held.task], timeout=ANSWER_S)
        if done:
            return held.task.result()
        held.followed = True
        return None

    def arrived(self, sealed: bytes) -> None:
        """A package was taken: whoever it fits is tried at once."""
        if self._held:
            header = package_header.read(sealed)
            for each in self._held.values():
                if each.opener.fits(header):
                    each.arrival.set()

    def held_s(self) -> int:
        """For how many more seconds a password is held; 0 where none is."""
        return max((max(round(each.until - time.monotonic()), 1) for each in self._held.values() if each.may_wait), default=0)

    def pause(self, now: datetime) -> str:
        """Why only a password that fits what waits is taken now, "" where every one is."""
        until = self.state.paused_until(now)
        if until is None:
            return ""
        return (
            f"{MOST_WRONG} wrong passwords were typed, so this page pauses for {clocks.length(until - now)}. It still takes the password "
            f"of a package that waits here. `{AGENT} unlock` on a terminal of this machine does not pause."
        )

    @property
    def outcome(self) -> Installed | Exception | None:
        """What became of the last password that was held, for the page."""
        if self._outcome is None:
            return None
        what, at = self._outcome
        lasts = CLOSING_S if isinstance(what, Installed) else PAUSE.total_seconds()
        return what if time.monotonic() - at < lasts else None

    def owes(self) -> bool:
        """Whether somebody waits for what became of a password: the page must not close yet."""
        just_ended = time.monotonic() - self._ended_at < ANSWERED_S
        return bool(self._held) or just_ended or isinstance(self.outcome, Installed)

    def told(self) -> None:
        """The page has said what was installed: nobody needs it any more."""
        self._outcome = None

    def _hold(self, word: str) -> Held:
        may_wait = len(self._held) + self.state.wrong_passwords(datetime.now(UTC)) < MOST_WRONG
        held = self._held[word] = Held(word, Opener(word), time.monotonic() + HELD_S, may_wait)
        held.task = asyncio.create_task(self._follow(held))
        held.task.add_done_callback(lambda task: self._end(held, task))
        return held

    async def _follow(self, held: Held) -> Installed:
        while True:
            held.arrival.clear()
            now = datetime.now(UTC)
            installed = await asyncio.to_thread(self.state.unlock, held.opener, now=now)
            if installed is not None:
                return installed
            self._check(held, now)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(held.arrival.wait(), min(LOOK_S, max(held.until - time.monotonic(), 0)))

    def _check(self, held: Held, now: datetime) -> None:
        """Raises: Refused, WrongPassword once the password is not held any longer."""
        if not self.state.is_open(now):
            raise Refused("installed-meanwhile", "Certificates were installed meanwhile with another password.")
        if not held.may_wait:
            busy = f"{MOST_WRONG} other passwords were typed here and no package opens with them. Try again in a minute."
            raise Refused("password-paused", self.pause(now) or busy, 429)
        if time.monotonic() >= held.until:
            raise WrongPassword(f"{NOTHING_OPENS} Wrong {self._count(held.word, now)} of {MOST_WRONG}.")

    def _count(self, word: str, now: datetime) -> int:
        """The same wrong password counts once."""
        if word in self._counted:
            return self.state.wrong_passwords(now)
        count = self.state.count_wrong_password(now)
        self._counted = self._counted | {word} if count < MOST_WRONG else set()
        return count

    def _end(self, held: Held, task: "asyncio.Task[Installed]") -> None:
        del self._held[held.word]
        self._ended_at = time.monotonic()
        if task.cancelled():
            return
        problem = task.exception()
        if problem is None:
            self._counted = set()
        if held.followed and not isinstance(self.outcome, Installed):  # of two windows, the one that installed is told of on both
            self._outcome = (problem if isinstance(problem, Exception) else task.result(), time.monotonic())


def unlock(state: State, typed: str, *, tell: Callable[[str], object]) -> Installed:
    """From a terminal, which neither counts nor pauses. Raises: PasswordMistyped, WrongPassword, Refused, PackageInvalid, OSError."""
    opener, until = Opener(password.canonical(typed)), time.monotonic() + HELD_S
    installed = state.unlock(opener, now=datetime.now(UTC))
    if installed is None:
        tell(f"No package that this password opens is here yet. Waiting for it, at most {HELD_S} seconds.\n")
    while installed is None:
        if time.monotonic() >= until:
            raise WrongPassword(NOTHING_OPENS)
        time.sleep(LOOK_S / 2)
        installed = state.unlock(opener, now=datetime.now(UTC))
    return installed
