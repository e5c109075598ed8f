"""Passwords from the setup page. A password is tried at once, then for a minute while its package may arrive, and after that it is wrong."""

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
NOTHING_OPENS = "The password has the right form, but it opens no waiting package. Use the newest password from the console."


@dataclass(eq=False)
class HeldPassword:
    """A password of the right form, in memory only. `followed` is true once the page was answered before the result was known."""

    password: str = field(repr=False)
    opener: Opener = field(repr=False)
    until: float
    may_wait: bool
    followed: bool = False
    arrival: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[Installed] | None" = None


class Passwords:
    """The passwords typed on the setup page of one agent."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._held: dict[str, HeldPassword] = {}
        self._counted: set[str] = set()
        self._outcome: tuple[Installed | Exception, float] | None = None
        self._ended_at = -ANSWERED_S

    async def type(self, typed: str) -> Installed | None:
        """The generation that the password installed; None if there is no result after `ANSWER_S`.

        Raises: PasswordMistyped, WrongPassword, Refused, PackageInvalid, OSError.
        """
        canonical = password.canonical(typed)
        self._outcome = None
        held = self._held.get(canonical) or self._hold(canonical)
        assert held.task is not None
        done, _ = await asyncio.wait([held.task], timeout=ANSWER_S)
        if done:
            return held.task.result()
        held.followed = True
        return None

    def arrived(self, sealed: bytes) -> None:
        """Try the held passwords that may open a package which has just arrived."""
        if self._held:
            header = package_header.read(sealed)
            for held in self._held.values():
                if held.opener.fits(header):
                    held.arrival.set()

    def held_s(self) -> int:
        """For how many more seconds a password is held; 0 if none is."""
        return max((max(round(held.until - time.monotonic()), 1) for held in self._held.values() if held.may_wait), default=0)

    def pause(self, now: datetime) -> str:
        """Why only the password of a waiting package is accepted now; "" if there is no pause."""
        until = self.state.paused_until(now)
        if until is None:
            return ""
        return (
            f"{MOST_WRONG} wrong passwords were typed, so this page pauses for {clocks.length(until - now)}. It still accepts the password "
            f"of a package that waits here. `{AGENT} unlock` on a terminal of this machine does not pause."
        )

    @property
    def outcome(self) -> Installed | Exception | None:
        """The result of the last held password, for the page."""
        if self._outcome is None:
            return None
        what, at = self._outcome
        lasts = CLOSING_S if isinstance(what, Installed) else PAUSE.total_seconds()
        return what if time.monotonic() - at < lasts else None

    def must_stay_open(self) -> bool:
        """Whether the page must stay open, because it still has to show the result of a password."""
        just_ended = time.monotonic() - self._ended_at < ANSWERED_S
        return bool(self._held) or just_ended or isinstance(self.outcome, Installed)

    def outcome_shown(self) -> None:
        """The page has shown the result."""
        self._outcome = None

    def _hold(self, canonical: str) -> HeldPassword:
        may_wait = len(self._held) + self.state.wrong_passwords(datetime.now(UTC)) < MOST_WRONG
        held = self._held[canonical] = HeldPassword(canonical, Opener(canonical), time.monotonic() + HELD_S, may_wait)
        held.task = asyncio.create_task(self._follow(held))
        held.task.add_done_callback(lambda task: self._end(held, task))
        return held

    async def _follow(self, held: HeldPassword) -> Installed:
        while True:
            held.arrival.clear()
            now = datetime.now(UTC)
            installed = await asyncio.to_thread(self.state.unlock, held.opener, now=now)
            if installed is not None:
                return installed
            self._check(held, now)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(held.arrival.wait(), min(LOOK_S, max(held.until - time.monotonic(), 0)))

    def _check(self, held: HeldPassword, now: datetime) -> None:
        """Raises: Refused; WrongPassword once the time of the password is over."""
        if not self.state.is_open(now):
            raise Refused("installed-meanwhile", "Certificates were installed meanwhile, with another password.")
        if not held.may_wait:
            busy = f"{MOST_WRONG} other passwords were typed here, and they open no package. Try again in a minute."
            raise Refused("password-paused", self.pause(now) or busy, 429)
        if time.monotonic() >= held.until:
            raise WrongPassword(f"{NOTHING_OPENS} Wrong password {self._count(held.password, now)} of {MOST_WRONG}.")

    def _count(self, canonical: str, now: datetime) -> int:
        """Count a wrong password. The same one counts once."""
        if canonical in self._counted:
            return self.state.wrong_passwords(now)
        count = self.state.count_wrong_password(now)
        self._counted = self._counted | {canonical} if count < MOST_WRONG else set()
        return count

    def _end(self, held: HeldPassword, task: "asyncio.Task[Installed]") -> None:
        del self._held[held.password]
        self._ended_at = time.monotonic()
        if task.cancelled():
            return
        problem = task.exception()
        if problem is None:
            self._counted = set()
        if held.followed and not isinstance(self.outcome, Installed):  # with two windows, both show the result that installed
            self._outcome = (problem if isinstance(problem, Exception) else task.result(), time.monotonic())


def unlock(state: State, typed: str, *, report: Callable[[str], object]) -> Installed:
    """Install with a password from a terminal, which neither counts nor pauses. Raises: PasswordMistyped, WrongPassword, Refused, PackageInvalid, OSError."""
    opener, until = Opener(password.canonical(typed)), time.monotonic() + HELD_S
    installed = state.unlock(opener, now=datetime.now(UTC))
    if installed is None:
        report(f"No package that this password opens has arrived yet. Waiting for it, at most {HELD_S} seconds.\n")
    while installed is None:
        if time.monotonic() >= until:
            raise WrongPassword(NOTHING_OPENS)
        time.sleep(LOOK_S / 2)
        installed = state.unlock(opener, now=datetime.now(UTC))
    return installed
