"""Whether a heartbeat comes from the machine that sent the previous one of this node (docs/develop/architecture.md, *Turns*)."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

RANDOM, TIME, TAG = 32, 12, 32
FORM = re.compile(f"[0-9a-f]{{{RANDOM + TIME + TAG}}}")
# The clocks of two machines that answer for one database may be this far apart.
CLOCKS_APART = timedelta(minutes=1)


class Verdict(StrEnum):
    IN_TURN = "in-turn"
    EARLIER_REGISTRATION = "earlier-registration"
    TWO_CALLERS = "two-callers"
    DATABASE_OLDER = "database-older"


@dataclass(frozen=True)
class Chain:
    """The stored state of a node's heartbeats: the latest turn and the one that its caller returned ("" without one), and the generation of the
    registration that began them."""

    latest: str
    before: str
    generation: int
    called_at: datetime


def _tag(secret: bytes, node: str, content: str) -> str:
    return hmac.new(secret, f"turn\0{node}\0{content}".encode(), hashlib.sha256).hexdigest()[:TAG]


def turn_make(secret: bytes, *, node: str, now: datetime) -> str:
    """A random turn with the time of its answer, which distinguishes a restored database from a second caller."""
    content = secrets.token_hex(RANDOM // 2) + f"{int(now.timestamp() * 1000):0{TIME}x}"
    return content + _tag(secret, node, content)


def answered_at(secret: bytes, *, node: str, turn: str) -> datetime | None:
    """The time of the answer with this turn to this node; None if the turn was not made with this secret."""
    content, tag = turn[: RANDOM + TIME], turn[RANDOM + TIME :]
    if not FORM.fullmatch(turn) or not hmac.compare_digest(tag, _tag(secret, node, content)):
        return None
    return datetime.fromtimestamp(int(content[RANDOM:], 16) / 1000, UTC)


def judge(chain: Chain, *, returned: str, generation: int, registers: bool, answered: datetime | None) -> Verdict:
    """The verdict on a heartbeat that returns the turn `returned`, with a certificate of `generation`.

    `registers` is true for the first heartbeat after a new registration, which starts a new chain. `answered` is the time of `returned`.
    """
    if registers:
        return Verdict.IN_TURN
    if generation < chain.generation:
        return Verdict.EARLIER_REGISTRATION
    if not chain.latest or returned in (chain.latest, chain.before):
        return Verdict.IN_TURN
    if answered is not None and answered > chain.called_at + CLOCKS_APART:
        return Verdict.DATABASE_OLDER
    return Verdict.TWO_CALLERS
